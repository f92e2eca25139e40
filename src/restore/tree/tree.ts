/** The swap of the live file tree: stage inside it, swap entry by entry with a journal, recover after a kill, undo. */
export { observeTree } from './observe.js';
export { removeStaged } from './remove.js';
export { discardStaging, prepareStaging } from './staging.js';
export { recoverTree, swapTree } from './swap.js';
export { undoTree } from './undo.js';
