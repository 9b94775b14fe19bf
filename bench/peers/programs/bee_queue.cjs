// bee-queue: bulk pushes, finished jobs removed.

const Queue = require('bee-queue');
const {Counter, main, sleepForEver, redis} = require('./counting.cjs');

const open = (worker) => new Queue('peers', {
  redis, isWorker: worker, removeOnSuccess: true, getEvents: false, sendEvents: false,
  storeJobs: false,
});

async function push(batches) {
  const queue = open(false);
  for (const batch of batches) {
    const errors = await queue.saveAll(batch.map((item) => queue.createJob({item})));
    if (errors.size > 0) throw errors.values().next().value;
  }
}

function work(inHand) {
  const counter = new Counter();
  const queue = open(true);
  queue.checkStalledJobs(5000);
  queue.process(inHand, async () => counter.add());
}

function sleep() {
  const queue = open(true);
  queue.checkStalledJobs(5000);
  queue.process(1, sleepForEver);
}

main({push, work, sleep});
