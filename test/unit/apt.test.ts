import { expect, test } from 'vitest';
import { parseUris } from '../../src/demo/cluster/apt.js';

test('packages are read from the output of apt-get --print-uris, ignoring other lines', () => {
  const printed = [
    'Reading package lists...',
    "'http://deb.debian.org/debian-security/pool/updates/main/p/postgresql-15/postgresql-15_15.20-0%2bdeb12u1_amd64.deb' postgresql-15_15.20-0+deb12u1_amd64.deb 17091392 ",
    "'http://deb.debian.org/debian/pool/main/l/llvm-toolchain-14/libllvm14_14.0.6-12_amd64.deb' libllvm14_1%3a14.0.6-12_amd64.deb 21840232 MD5Sum:1ff0",
  ].join('\n');

  expect(parseUris(printed)).toEqual([
    { name: 'postgresql-15', version: '15.20-0+deb12u1' },
    { name: 'libllvm14', version: '1%3a14.0.6-12' },
  ]);
});
