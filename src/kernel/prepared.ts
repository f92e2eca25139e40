/** A change that has been planned but not made. What is shown, confirmed and applied is this one value. */
export interface Prepared<Plan, Result> {
  /** What will happen, to be shown and confirmed. */
  readonly plan: Plan;
  /** The expected result. Changes nothing. */
  dryRun(): Promise<Result>;
  /** Makes the change. Call it once; refuses if the plan's basis has changed since. */
  apply(): Promise<Result>;
}
