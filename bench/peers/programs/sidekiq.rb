# Sidekiq: bulk pushes. Its free edition takes a job off the queue before it runs.

require 'logger'
require 'sidekiq'
require 'sidekiq/launcher'
require 'sidekiq/processor'

REDIS = { url: "redis://127.0.0.1:#{ENV.fetch('REDIS_PORT')}/2" }.freeze
Sidekiq.configure_client { |config| config.redis = REDIS }
Sidekiq.configure_server { |config| config.redis = REDIS }
Sidekiq.logger = Logger.new(nil)
$stdout.sync = true

def clock
  Process.clock_gettime(Process::CLOCK_MONOTONIC)
end

class Counter
  def initialize
    @count = 0
    @lock = Mutex.new
    Thread.new { report }
  end

  def add
    first = @lock.synchronize { (@count += 1) == 1 }
    puts "count 1 #{clock}" if first
  end

  private

  def report
    said = 1
    loop do
      sleep 0.02
      now = @count
      puts "count #{now} #{clock}" if now > said
      said = [said, now].max
    end
  end
end

class PeerJob
  include Sidekiq::Worker
  sidekiq_options queue: 'peers', retry: false

  def perform(_item)
    if ENV.key?('PEER_SLEEPS')
      puts 'begun'
      sleep 3600
    end
    $counter.add
  end
end

def push(count)
  begin_clock = clock
  (0...count).each_slice(1000) do |batch|
    items = batch.map { |i| [format('item-%045d', i)] }
    Sidekiq::Client.push_bulk('class' => PeerJob, 'args' => items)
  end
  puts "pushed #{count} #{clock - begin_clock}"
end

def work(threads)
  $counter = Counter.new
  Sidekiq.options.merge!(queues: ['peers'], concurrency: threads, timeout: 1)
  require 'sidekiq/fetch'
  Sidekiq.options[:fetch] = Sidekiq::BasicFetch.new(Sidekiq.options)
  Sidekiq.redis_pool
  Sidekiq::Launcher.new(Sidekiq.options).run
  sleep
end

case ARGV[0]
when 'push' then push(Integer(ARGV[1]))
when 'work'
  def Sidekiq.server? = true
  work(Integer(ARGV[1]))
else
  def Sidekiq.server? = true
  work(1)
end
