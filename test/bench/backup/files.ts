import { say } from '../measure.js';
import { type Bench, potctl, settle, shell } from './bench.js';
import { race, ratio } from './report.js';

/** Backup of the tree: potctl against tar with zstd and with gzip. */
export async function benchFiles(bench: Bench): Promise<void> {
  const { tree, folder, repository } = bench;
  say('\nFiles backup');
  const zstd = await shell(bench, 'command -v zstd').then(
    () => true,
    () => false,
  );
  const remove = async (): Promise<void> => void (await shell(bench, `rm -f '${folder}'/tree.*; sync`));
  // Once for the page cache, so that nobody reads from the disk.
  await shell(bench, `tar cf /dev/null '${tree}' && cat '${tree}'/*/* > /dev/null && sync`);
  const medians = await race(bench.rounds, [
    {
      name: 'potctl backup create --only files',
      run: () => potctl(bench, ['backup', 'create', '--only', 'files', '--files', tree, '--repository', repository]),
      reset: async () => void (await settle(bench)),
    },
    ...(zstd
      ? [
          {
            name: 'tar | zstd -T0 -3',
            run: () => shell(bench, `tar -C '${tree}' -c . | zstd -q -T0 -3 > '${folder}/tree.zst'`),
            reset: remove,
          },
        ]
      : []),
    { name: 'tar czf', run: () => shell(bench, `tar -C '${tree}' -czf '${folder}/tree.gz' .`), reset: remove },
  ]);
  const ours = medians.get('potctl backup create --only files') ?? 0;
  if (zstd) ratio('files backup against tar | zstd', ours, medians.get('tar | zstd -T0 -3') ?? 1, 1.15);
  ratio('files backup against tar czf', ours, medians.get('tar czf') ?? 1, zstd ? 0.14 : 0.8);
}
