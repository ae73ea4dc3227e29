export let current = 'first';

export function change(value) {
  current = value;
  return value;
}

export async function heavy(n) {
  let sum = 0;
  for (let i = 0; i < 1000; i += 1) sum += i % (n + 1);
  return sum;
}
