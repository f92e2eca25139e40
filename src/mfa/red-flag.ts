/** Something that should make an operator careful. */
export interface RedFlag {
  readonly code: string;
  readonly text: string;
}
