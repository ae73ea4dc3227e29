import { isEven } from './cycles.mjs';

export async function isOdd(n) {
  return n !== 0 && isEven(n - 1);
}
