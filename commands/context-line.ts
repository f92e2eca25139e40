import type { Settings } from '../src/config/settings.js';
import { paint } from './ui/paint.js';

const BADGES = { production: 'PROD', staging: 'STAGING', development: 'DEV' } as const;
const STYLES = { production: 'production', staging: 'staging', development: 'dim' } as const;

/**
 * Where a command works, for the first line on stderr: ` PROD  app@db1:5432 as potctl · ana@ops1 · profile prod (from -p)`. The badge
 * is a word, so that it is seen without colours.
 */
export function contextLine(settings: Settings, operator: string): string {
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
  return `${badge === '' ? '' : `${badge} `}${parts.join(' · ')}`;
}

function hostAndPort({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
