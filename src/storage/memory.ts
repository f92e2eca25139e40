import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../kernel/clock.js';
import { PotctlError } from '../kernel/errors.js';
import { plainFiles } from './plain-files.js';
import { removeTree } from './remove-tree.js';
import type { Claims, Content, GroupRemoval, Groups, Layout, PutOptions, Staging, Storage } from './storage.js';

interface Value {
  readonly bytes: Buffer;
  readonly modifiedMs: number;
}

/** The shared state of a storage in memory. */
export interface Memory {
  /** Whether it was created. */
  isThere: boolean;
  readonly values: Map<string, Value>;
  /** An absolute path on this machine, for files that tools write and read. */
  readonly folder: string;
  readonly clock: Clock;
}

/**
 * Opens a storage in memory, for tests of everything built on a storage. It can do only what an object store can: nothing is renamed; a
 * group becomes visible with its last key, and is hidden by another key.
 */
export function openMemory(memory: Memory, layout: Layout): Storage {
  return {
    url: 'memory:',
    placeOf: (key) => `memory:${key}`,
    isThere: async () => memory.isThere,
    async create() {
      memory.isThere = true;
    },
    around: async () => null,
    ...valuesIn(memory, layout),
    freeBytes: async () => 2 ** 40,
    now: async () => memory.clock.now().getTime(),
    // A value is complete or missing: there is nothing to tidy.
    tidy: async () => {},
    claims: claimsIn(memory),
    groups: groupsIn(memory, layout),
  };
}

type Values = Pick<Storage, 'put' | 'append' | 'get' | 'stat' | 'list' | 'remove' | 'localFile'>;

function valuesIn(memory: Memory, layout: Layout): Values {
  const { values } = memory;
  return {
    put: (key, content, options = {}) => put(memory, key, content, options),
    async append(key, line) {
      const text = values.get(key)?.bytes.toString() ?? '';
      const isCut = text !== '' && !text.endsWith('\n');
      set(memory, key, Buffer.from(`${text}${isCut ? '\n' : ''}${line}\n`));
      const group = groupOf(key, layout);
      // A removal reads the values after hiding the group: it either sees this line, or the line is refused here.
      if (group !== null && !isComplete(memory, layout, group))
        throw new PotctlError('E_IO', `'${key}' was removed at the same time`);
    },
    async get(key, { limit = Number.POSITIVE_INFINITY, from = 0, length = Number.POSITIVE_INFINITY } = {}) {
      const bytes = values.get(key)?.bytes;
      if (bytes !== undefined && bytes.length > limit)
        throw new PotctlError('E_BACKUP_CORRUPT', `'${key}' is larger than ${limit} bytes`);
      return bytes && Buffer.from(bytes.subarray(from, from + length));
    },
    async stat(key) {
      const value = values.get(key);
      return value === undefined ? null : { size: value.bytes.length, modifiedMs: value.modifiedMs };
    },
    async list(folder) {
      const start = folder === '' ? '' : `${folder}/`;
      const below = [...values.keys()].filter((key) => key.startsWith(start));
      return [...new Set(below.map((key) => key.slice(start.length).split('/')[0]!))];
    },
    remove: async (key) => void values.delete(key),
    localFile: async () => undefined,
  };
}

async function put(memory: Memory, key: string, content: Content, { create }: PutOptions) {
  const bytes = await bytesOf(content);
  if (create && memory.values.has(key)) return null;
  set(memory, key, bytes);
  if (typeof content === 'object' && 'file' in content && content.move) await rm(content.file);
  return { size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

async function bytesOf(content: Content): Promise<Buffer> {
  if (typeof content === 'string' || content instanceof Uint8Array) return Buffer.from(content as string);
  if ('file' in content) return readFile(content.file);
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(Uint8Array.from(chunk));
  return Buffer.concat(chunks);
}

function set({ values, clock }: Memory, key: string, bytes: Buffer): void {
  values.set(key, { bytes, modifiedMs: clock.now().getTime() });
}

function claimsIn(memory: Memory): Claims {
  const { values } = memory;
  return {
    async claim(key, text) {
      if (values.has(key)) return null;
      set(memory, key, Buffer.from(text));
      let ours = values.get(key)!;
      return {
        stampedMs: ours.modifiedMs,
        async renew(next) {
          if (values.get(key) !== ours) return;
          set(memory, key, Buffer.from(next));
          ours = values.get(key)!;
        },
        close: async () => {},
      };
    },
    async removeIf(key, isJudged) {
      const standing = values.get(key);
      return standing !== undefined && isJudged(standing.bytes.toString()) && values.delete(key);
    },
    sweep: async () => {},
  };
}

const lastOf = (name: string, { folder, last }: Layout): string => `${folder}/${name}/${last}`;

/** Returns the key that hides the group. */
const hidingOf = (name: string, layout: Layout): string => `${lastOf(name, layout)}.hidden`;

const isComplete = ({ values }: Memory, layout: Layout, name: string): boolean =>
  values.has(lastOf(name, layout)) && !values.has(hidingOf(name, layout));

function groupOf(key: string, layout: Layout): string | null {
  const [top, name = '', ...rest] = key.split('/');
  return top === layout.folder && layout.name.test(name) && rest.length > 0 ? name : null;
}

function groupsIn(memory: Memory, layout: Layout): Groups {
  const { values, folder } = memory;
  const local = (name: string): string => path.join(folder, 'local', name);
  const keysOf = (name: string): string[] =>
    [...values.keys()].filter((key) => key.startsWith(`${layout.folder}/${name}/`));
  const all = (): string[] => [...new Set([...values.keys()].flatMap((key) => groupOf(key, layout) ?? []))];
  const isSeen = (name: string): boolean => isComplete(memory, layout, name);
  return {
    names: async () => all().filter(isSeen).sort(),
    stateOf: async (name) => (isSeen(name) ? 'complete' : 'absent'),
    begin: async (name) => (isSeen(name) ? null : begin(memory, layout, name)),
    async localFolder(name) {
      await rm(local(name), { recursive: true, force: true });
      for (const key of keysOf(name)) {
        const file = path.join(folder, 'local', path.relative(layout.folder, key));
        await mkdir(path.dirname(file), { recursive: true });
        await writeFile(file, values.get(key)!.bytes, { mode: 0o400 });
      }
      return { folder: local(name), odd: null };
    },
    removal: async (name) => removal(memory, layout, name),
    async sweep(besides) {
      await removeTree(path.join(folder, 'staging'));
      await mkdir(path.join(folder, 'staging'), { recursive: true });
      for (const name of all().filter((one) => !isSeen(one))) {
        if (values.has(lastOf(name, layout))) {
          values.delete(hidingOf(name, layout));
          continue;
        }
        await besides(name);
        for (const key of keysOf(name)) values.delete(key);
      }
      return [];
    },
  };
}

async function begin(memory: Memory, layout: Layout, name: string): Promise<Staging> {
  const { values } = memory;
  const folder = path.join(memory.folder, 'staging', name);
  const prefix = `${layout.folder}/${name}/`;
  await mkdir(path.dirname(folder), { recursive: true });
  await mkdir(folder);
  const stored: string[] = [];
  const store = async (key: string, content: Content): Promise<void> => {
    await put(memory, key, content, { create: true });
    stored.push(key);
  };
  return {
    folder,
    async commit(texts, confirm) {
      for (const file of (await plainFiles(folder)).files) await store(prefix + path.relative(folder, file), { file });
      const { [layout.last]: last = '', ...others } = texts;
      for (const [key, text] of Object.entries(others)) await store(prefix + key, text);
      await confirm();
      // If another process took over the lock and swept this group, the rest must not become visible.
      if (!stored.every((key) => values.has(key)))
        throw new PotctlError('E_IO', `'${name}' was removed by another run`);
      if ((await put(memory, lastOf(name, layout), last, { create: true })) === null)
        throw new PotctlError('E_REFUSED', `'${name}' already exists`);
      // It is published: what cannot be removed now is removed by the next sweep.
      await removeTree(folder).catch(() => undefined);
    },
    async discard() {
      for (const key of stored) values.delete(key);
      await removeTree(folder);
    },
  };
}

function removal(memory: Memory, layout: Layout, name: string): GroupRemoval {
  const { values, folder } = memory;
  const hiding = hidingOf(name, layout);
  return {
    place: `memory:${layout.folder}/${name}`,
    async hide() {
      set(memory, hiding, Buffer.from(''));
      return `${layout.folder}/${name}`;
    },
    show: async () => void values.delete(hiding),
    async erase(besides) {
      values.delete(lastOf(name, layout));
      await besides();
      for (const key of [...values.keys()].filter((one) => groupOf(one, layout) === name)) values.delete(key);
      await rm(path.join(folder, 'local', name), { recursive: true, force: true });
    },
  };
}
