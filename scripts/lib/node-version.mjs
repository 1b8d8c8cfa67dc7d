/** The oldest Node.js that the dependencies run on. */
export const requiredNode = '20.19.0';

/**
 * Checks a Node.js version such as '18.19.0'.
 * @param {string} found
 * @returns {string | undefined} what to tell the person, when it is too old
 */
export function nodeVersionFault(found) {
  const [a, b] = [found, requiredNode].map((version) => version.split('.').map(Number));
  const newer = a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
  if (newer >= 0) return undefined;
  return [
    `Parley needs Node.js ${requiredNode} or newer; this is ${found} (${process.execPath}).`,
    '  Get a newer one from https://nodejs.org, or by nvm: nvm install 22',
  ].join('\n');
}
