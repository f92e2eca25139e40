/** Exit codes of the whole tool (README, "Exit codes"). */
export const ExitCode = {
  ok: 0,
  bug: 1,
  usage: 2,
  partial: 3,
  notFound: 10,
  locked: 11,
  denied: 12,
  config: 15,
  unreachable: 16,
  unfit: 17,
  integrity: 20,
  unhealthy: 21,
  refused: 30,
  canceled: 31,
  interrupted: 130,
  terminated: 143,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
