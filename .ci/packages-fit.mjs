// Exit 0 when node_modules holds exactly what package-lock.json asks for (packages of other platforms may be missing).
import { readFileSync } from 'node:fs';
import process from 'node:process';

const read = (file) => JSON.parse(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')).packages;

try {
  const [wanted, installed] = [read('package-lock.json'), read('node_modules/.package-lock.json')];
  const missing = Object.entries(wanted).filter(
    ([name, { version, optional }]) =>
      name !== '' && installed[name]?.version !== version && !(optional && !installed[name]),
  );
  process.exitCode = missing.length === 0 ? 0 : 1;
} catch {
  process.exitCode = 1;
}
