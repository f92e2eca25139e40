/**
 * Does a list such as `protected: [restore, prune, mfa.disable]` mean this command: by its noun, by its verb, or by both?
 *
 * @param command as it is typed, e.g. `backup prune`
 */
export function isProtected(protectedOnes: readonly string[], command: string): boolean {
  const words = [command.replace(' ', '.'), ...command.split(' ')];
  return protectedOnes.some((name) => words.includes(name));
}
