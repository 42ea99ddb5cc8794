-- A browser's session, known by the hash of its cookie.
create table sessions (
  id          bytea primary key,
  created_at  timestamptz not null default now(),
  used_at     timestamptz not null default now(),
  -- since when another id stands in its place: it opens nothing any more, but a double click may still hand on what it saw
  replaced_at timestamptz
);

-- What a session may see, and by which entry it came.
create table session_activations (
  session_id    bytea not null references sessions (id) on delete cascade,
  activation_id uuid not null references activations (id),
  entry         text not null check (entry in ('login', 'typed')),
  primary key (session_id, activation_id)
);
create index session_activations_activation on session_activations (activation_id);

-- Login links that were used: each is good once, for 10 s also to the same client again.
create table login_links (
  digest        bytea primary key,
  client        bytea not null,
  activation_id uuid references activations (id),
  used_at       timestamptz not null default now()
);

-- Typed entries that were well formed, by client address and hour.
create table typed_entries (
  id          uuid primary key,
  client      text not null,
  marketplace text not null,
  instance_id text not null,
  mismatch    boolean not null default false,
  entered_at  timestamptz not null default now()
);
create index typed_entries_client on typed_entries (client, entered_at);
create index typed_entries_instance on typed_entries (marketplace, instance_id, entered_at) where mismatch;

-- Answers kept for an Idempotency-Key, 7 days. The body stands here only as a keyed digest: it may hold a code or a password.
create table idempotency_keys (
  caller        bytea not null,
  key           text not null,
  key_id        int not null,
  body          bytea not null,
  status        int not null,
  activation_id uuid,
  problem       jsonb,
  created_at    timestamptz not null default now(),
  primary key (caller, key)
);
create index idempotency_keys_created on idempotency_keys (created_at);
