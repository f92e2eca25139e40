/** The names that `application` in a profile accepts; each has its adapter in src/applications/known.ts. */
export const APPLICATION_NAMES = ['3dpot', 'viu', 'evo', 'native'] as const;
export type ApplicationName = (typeof APPLICATION_NAMES)[number];
