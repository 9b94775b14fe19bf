// BullMQ: bulk pushes, finished jobs removed.

const {Queue, Worker} = require('bullmq');
const {Counter, main, sleepForEver, redis} = require('./counting.cjs');

const connection = {...redis, maxRetriesPerRequest: null};

async function push(batches) {
  const queue = new Queue('peers', {connection});
  for (const batch of batches) {
    await queue.addBulk(batch.map((item) => ({
      name: 'noop', data: {item}, opts: {removeOnComplete: true, removeOnFail: true},
    })));
  }
}

function work(inHand) {
  const counter = new Counter();
  new Worker('peers', async () => counter.add(), {connection, concurrency: inHand});
}

const sleep = () => void new Worker('peers', sleepForEver, {connection});

main({push, work, sleep});
