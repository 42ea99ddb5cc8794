-- A buyer's way from a purchase to a bound workspace. `state` is the state machine's own form; the columns beside it are its index.
create table activations (
  id          uuid primary key,
  version     bigint not null default 1,
  marketplace text not null,
  instance_id text not null,
  account_id  text,
  stage       text not null,
  status      text not null,
  -- the code of what stands in the way, for operators' filters
  problem     text,
  state       jsonb not null,
  -- page tokens carry it; raised, it ends those given before
  epoch       int not null default 1,
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now()
) with (fillfactor = 80);
create index activations_instance on activations (marketplace, instance_id);
create index activations_account on activations (marketplace, account_id);
create index activations_status on activations (status, updated_at);

-- Which activation holds an instance: from the verified purchase until it is cancelled.
create table holds (
  marketplace   text not null,
  instance_id   text not null,
  activation_id uuid not null unique references activations (id),
  held_since    timestamptz not null default now(),
  primary key (marketplace, instance_id)
);
