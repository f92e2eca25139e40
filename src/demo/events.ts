/** What the tour is showing, in order. `facts` are numbers and names for the sentences of the scene. */
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

/** What happens on the tour's sandbox; the wording and the layout belong to whoever draws it. */
export type TourEvent =
  | { readonly kind: 'scene'; readonly scene: Scene; readonly facts: Facts }
  /** A command line as a person would type it, about to run. */
  | { readonly kind: 'command'; readonly line: string }
  /** One line that the running command printed. */
  | { readonly kind: 'output'; readonly line: string }
  /** Something that takes time and is said beside the tour, e.g. a download. */
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'proofs'; readonly proofs: readonly Proof[] };

/** One comparison: equal, or not. */
export interface Proof {
  /** A table, or the tree of files. */
  readonly subject: string;
  readonly equal: boolean;
  /** Rows or files that were compared. */
  readonly expected: number;
  readonly found: number;
  /** The first hex digits of the digest over all content. */
  readonly digest: string;
}
