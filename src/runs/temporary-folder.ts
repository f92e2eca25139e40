/** Where short-lived files go: TMPDIR of the children's environment, else /tmp. */
export function temporaryFolder(environment: Readonly<Record<string, string>>): string {
  return environment['TMPDIR'] || '/tmp';
}
