/** Words for why a stored secret cannot be decrypted; scripts get the value itself. */
export const keyProblem = (problem: string): string => (problem === 'does not open' ? 'cannot be decrypted' : problem);
