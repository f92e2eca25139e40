import { ArchiveDamage, BLOCK } from './tar-header.js';

/** Receives the content of a file: its bytes, and the length of its holes. */
export interface ContentSink {
  data(bytes: Buffer): void;
  hole(bytes: number): void;
}

const MAX_NUMBERS = 8_000_000;

/**
 * Expands the archived form of a sparse file (GNU sparse format 1.0: a map in decimal lines, padded to a block, then the data) into the
 * content that an application reads.
 *
 * @throws ArchiveDamage (from every function) if the map and the sizes contradict each other
 */
export function createSparseContent(size: number, sink: ContentSink): { add(bytes: Buffer): void; end(): void } {
  const map = createMap();
  let segment = 0;
  let inSegment = 0;
  let position = 0;

  const enterSegment = (): number => {
    const [offset, length] = map.segment(segment);
    if (offset + inSegment < position || offset + length > size)
      throw new ArchiveDamage('a sparse map overlaps itself');
    if (offset > position) sink.hole(offset - position);
    position = Math.max(position, offset);
    return length - inSegment;
  };
  const takeData = (bytes: Buffer): void => {
    for (let at = 0; at < bytes.length; ) {
      if (segment >= map.segments()) throw new ArchiveDamage('a sparse file has more data than its map says');
      const taken = bytes.subarray(at, at + enterSegment());
      if (taken.length > 0) sink.data(taken);
      at += taken.length;
      position += taken.length;
      inSegment += taken.length;
      if (inSegment < map.segment(segment)[1]) continue;
      segment += 1;
      inSegment = 0;
    }
  };
  return {
    add(bytes) {
      const data = map.take(bytes);
      if (data.length > 0) takeData(data);
    },
    end() {
      while (map.complete() && segment < map.segments() && map.segment(segment)[1] === 0) segment += 1;
      if (!map.complete() || segment < map.segments()) throw new ArchiveDamage('a sparse file ends too early');
      if (size > position) sink.hole(size - position);
    },
  };
}

/** Reads the map: a count, then offset and length of each segment, one number per line. */
function createMap() {
  const numbers: number[] = [];
  let digits = '';
  let seen = 0;
  let padded = -1;

  const complete = (): boolean => numbers.length > 0 && numbers.length === 1 + 2 * numbers[0]!;
  const takeByte = (byte: number): void => {
    if (byte !== 0x0a) {
      digits += String.fromCharCode(byte);
      if (!/^\d{1,16}$/.test(digits)) throw new ArchiveDamage('a sparse map is damaged');
      return;
    }
    if (digits === '' || numbers.length > MAX_NUMBERS) throw new ArchiveDamage('a sparse map is damaged');
    numbers.push(Number(digits));
    digits = '';
  };
  return {
    complete: (): boolean => padded >= 0 && seen >= padded,
    segments: (): number => numbers[0] ?? 0,
    segment: (index: number): readonly [number, number] => [numbers[1 + 2 * index]!, numbers[2 + 2 * index]!],
    /** Consumes the bytes of the map and returns the rest. */
    take(bytes: Buffer): Buffer {
      let at = 0;
      for (; at < bytes.length && padded < 0; at++) {
        takeByte(bytes[at]!);
        seen += 1;
        if (complete()) padded = Math.ceil(seen / BLOCK) * BLOCK;
      }
      const padding = Math.min(bytes.length - at, Math.max(0, padded - seen));
      seen += padding;
      return bytes.subarray(at + padding);
    },
  };
}
