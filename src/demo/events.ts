/** The scenes of the tour, in order. */
export type Scene =
  | 'server'
  | 'application'
  | 'backup'
  | 'written-meanwhile'
  | 'verify'
  | 'list'
  | 'loss'
  | 'plan'
  | 'restore'
  | 'proof'
  | 'undo'
  | 'undone';

export type Facts = Readonly<Record<string, string | number>>;

/** A step of the tour; `facts` are numbers and names for the text that the terminal shows. */
export type TourEvent =
  | { readonly kind: 'scene'; readonly scene: Scene; readonly facts: Facts }
  /** A command line as a user would type it, about to run. */
  | { readonly kind: 'command'; readonly line: string }
  /** One line that the running command printed. */
  | { readonly kind: 'output'; readonly line: string }
  /** A message about something that takes time, e.g. a download. */
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'proofs'; readonly proofs: readonly Proof[] };

/** The result of one comparison. */
export interface Proof {
  /** The name of a table, or `files`. */
  readonly subject: string;
  readonly equal: boolean;
  /** Rows or files that were compared. */
  readonly expected: number;
  readonly found: number;
  /** The first hex digits of the digest of all content. */
  readonly digest: string;
}
