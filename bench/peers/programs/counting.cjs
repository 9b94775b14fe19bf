// Shared by the Node programs: items, and a count that is printed.

const clock = () => Number(process.hrtime.bigint()) / 1e9;
const say = (...words) => process.stdout.write(words.join(' ') + '\n');

class Counter {
  constructor() {
    this.count = 0;
    this.said = 1;
    setInterval(() => {
      if (this.count <= this.said) return;
      this.said = this.count;
      say('count', this.count, clock());
    }, 20);
  }

  add() {
    if (++this.count === 1) say('count', 1, clock());
  }
}

function* items(n) {
  for (let i = 0; i < n; ++i) yield 'item-' + String(i).padStart(45, '0');
}

function* batches(n, size) {
  let batch = [];
  for (const item of items(n)) {
    if (batch.push(item) < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

const sleepForEver = () => new Promise(() => say('begun'));

async function main({push, work, sleep}) {
  const [verb, number] = process.argv.slice(2);
  if (verb === 'work') return work(Number(number));
  if (verb === 'sleep') return sleep();
  const begin = clock();
  await push(batches(Number(number), 1000));
  say('pushed', number, clock() - begin);
  process.exit(0);
}

module.exports = {Counter, main, sleepForEver, redis: {host: '127.0.0.1', port: Number(process.env.REDIS_PORT)}};
