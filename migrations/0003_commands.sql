-- What is to be done outside: outbox, inbox, retry schedule, timeline and dead-letter list in one. A message is only a row's wake-up.
create table commands (
  id            uuid primary key,
  activation_id uuid not null references activations (id),
  lane          text not null check (lane in ('journey', 'mail', 'lifecycle', 'vendor')),
  name          text not null,
  -- one intention: the Idempotency-Key that the platforms see, the same for every attempt
  key           uuid not null,
  -- a mail whose fate the buyer must not learn (verification by username) is not among the steps
  hidden        boolean not null default false,
  state         text not null default 'ready' check (state in ('ready', 'done', 'refused', 'dead', 'cancelled')),
  -- rises with every claim, outcome and operator's act: who holds an older one writes nothing
  fence         bigint not null default 0,
  attempts      int not null default 0,
  -- wake-ups sent since the last outcome; the first is taken without a claim
  dispatches    int not null default 1,
  dispatched_at timestamptz default now(),
  due_at        timestamptz,
  not_before    timestamptz not null default now(),
  lease_until   timestamptz,
  -- a worker has had it for a while: shown as running
  held          boolean not null default false,
  -- since when the other side says "not yet"; a day of it is an operator's matter
  waiting_since timestamptz,
  input         jsonb not null,
  result        jsonb,
  problem       jsonb,
  trace         text not null,
  queued_at     timestamptz not null default now(),
  finished_at   timestamptz,
  check ((state = 'ready') = (due_at is not null)),
  check (lease_until is null or state = 'ready')
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
-- At most one in hand (or dead) per activation and lane: only the journey's makes the buyer wait.
create unique index commands_in_hand on commands (activation_id, lane) where state in ('ready', 'dead');
create index commands_due on commands (name, due_at) where state = 'ready';
create index commands_activation on commands (activation_id, queued_at);

-- One row for each attempt that failed: the timeline.
create table attempts (
  command_id uuid not null references commands (id),
  fence      bigint not null,
  attempt    int not null,
  outcome    text not null check (outcome in ('later', 'retry', 'misconfigured', 'refused', 'dead')),
  problem    jsonb not null,
  ended_at   timestamptz not null default now(),
  -- when it is tried again
  next_at    timestamptz,
  primary key (command_id, fence)
);
