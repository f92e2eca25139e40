/** A change that was looked at and not yet made. What is shown, what is confirmed and what is done are this one value. */
export interface Prepared<Plan, Result> {
  /** What will happen, for whoever has to agree to it. */
  readonly plan: Plan;
  /** The result as it would be. Changes nothing. */
  dryRun(): Promise<Result>;
  /** Makes the change. To be called once; what differs by then from what the plan was made of is refused. */
  apply(): Promise<Result>;
}
