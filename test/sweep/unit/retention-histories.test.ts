import '../../unit/retention-histories.test.js';
