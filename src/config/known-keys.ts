import { configJsonSchema } from './schema.js';

interface Node {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: Node | boolean;
  readonly items?: Node;
}

/** The keys that the schema knows at a place of the file, in the order of the schema. */
export function keysAt(key: readonly PropertyKey[]): string[] {
  let node = configJsonSchema() as Node | undefined;
  for (const step of key) node = child(node, step);
  return Object.keys(node?.properties ?? {});
}

function child(node: Node | undefined, step: PropertyKey): Node | undefined {
  if (typeof step === 'number') return node?.items;
  const named = node?.properties?.[String(step)];
  if (named !== undefined) return named;
  return typeof node?.additionalProperties === 'object' ? node.additionalProperties : undefined;
}
