/** The swap of the live file tree: stage inside it, swap entry by entry with a journal, recover after a kill, undo. */
export type { TreeDisk } from './disk.js';
export type { UnfinishedSwap } from './journal.js';
export { type BeforeFolder, observeTree, type TreeObservation } from './observe.js';
export { discardStaging, prepareStaging, type StagingRequest } from './staging.js';
export { type RecoverRequest, recoverTree, type SwapRequest, type SwapResult, swapTree } from './swap.js';
export { type UndoRequest, undoTree } from './undo.js';
