import { configJsonSchema } from './schema.js';

interface Node {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: Node | boolean;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
}

/** The keys that the schema allows at a position of the file, in the order of the schema. */
export function keysAt(key: readonly PropertyKey[]): string[] {
  let node = configJsonSchema() as Node | undefined;
  for (const step of key) node = child(node, step);
  return Object.keys(propertiesOf(node));
}

/** If a value may be something other than a block, the keys of the block. */
const propertiesOf = (node: Node | undefined): Readonly<Record<string, Node>> =>
  node?.properties ?? node?.anyOf?.find(({ properties }) => properties !== undefined)?.properties ?? {};

function child(node: Node | undefined, step: PropertyKey): Node | undefined {
  if (typeof step === 'number') return node?.items;
  const named = propertiesOf(node)[String(step)];
  if (named !== undefined) return named;
  return typeof node?.additionalProperties === 'object' ? node.additionalProperties : undefined;
}
