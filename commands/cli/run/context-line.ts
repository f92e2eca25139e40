import type { Settings } from '../../../src/config/settings.js';
import { bare, paint } from '../../ui/paint.js';
import { displayWidth, wrapWords } from '../../ui/visible.js';

const BADGES = { production: 'PROD', staging: 'STAGING', development: 'DEV' } as const;
const STYLES = { production: 'production', staging: 'staging', development: 'dim' } as const;

/**
 * Returns the line that says where a command works, first on stderr: ` PROD  app@db1:5432 as potctl · operator ana@ops1 · profile prod
 * (from -p)`. The badge is a word, so that it can be read without colors.
 *
 * @param columns width of the terminal, where the line is wrapped; null for a log
 */
export function contextLines(settings: Settings, operator: string, columns: number | null): string[] {
  const { profile, connection } = settings;
  const badge =
    profile.environment === null ? '' : paint(STYLES[profile.environment], ` ${BADGES[profile.environment]} `);
  const place = connection.host.startsWith('/') ? `${connection.host}:${connection.port}` : hostAndPort(connection);
  const from = profile.onCommandLine ? 'from -p' : 'not from the command line';
  const parts = [
    `${connection.database}@${place} as ${connection.user}`,
    `operator ${operator}`,
    ...(profile.name === null ? [] : [`profile ${profile.name} (${from})`]),
  ];
  const front = badge === '' ? '' : `${badge} `;
  const text = parts.join(' · ');
  const lines = columns === null ? [text] : wrapWords(text, columns - displayWidth(bare(front)));
  return lines.map((line, at) => (at === 0 ? `${front}${line}` : `  ${line}`));
}

function hostAndPort({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
