/** The swap of the live file tree: stage inside it, swap entry by entry with a journal, recover after a kill, undo. */
export { findUnmovable, observeTree, type TreeObservation, unmovableFix, unmovableText } from './observe.js';

export { discardStaging, prepareStaging } from './staging.js';
export { recoverTree, swapTree } from './swap.js';
export { undoTree } from './undo.js';
