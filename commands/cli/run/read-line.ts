import { PotctlError } from '../../../src/kernel/errors.js';

const LONGEST = 1_024;

/**
 * Returns the first line of a stream, trimmed.
 *
 * @throws E_USAGE if it is empty or too long; the reason of `signal`
 */
export async function readLine(input: NodeJS.ReadableStream, signal: AbortSignal): Promise<string> {
  let text = '';
  const stop = (): void => void (input as NodeJS.ReadStream).destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const chunk of input) {
      text += String(chunk);
      if (text.includes('\n') || text.length > LONGEST) break;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
  signal.throwIfAborted();
  const line = text.split(/\r?\n/, 1)[0]!.trim();
  if (line !== '' && line.length <= LONGEST) return line;
  throw new PotctlError('E_USAGE', 'no code on stdin: one line is expected', {
    fix: ['For example: `printf 123456 | potctl … --code-stdin`'],
  });
}
