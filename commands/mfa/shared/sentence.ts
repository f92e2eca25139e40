/** Returns a text of the engine as a sentence: with a capital letter and a period. Names stay as they are. */
export function sentence(text: string): string {
  const first = text.startsWith('potctl') ? text.charAt(0) : text.charAt(0).toUpperCase();
  return `${first}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}
