let uses = 0;

export async function double(n) {
  uses += 1;
  return { double: n * 2, uses };
}
