-- What the marketplace sold, as it stands now: one row an instance.
create table purchases (
  marketplace  text not null,
  instance_id  text not null,
  account_id   text not null,
  order_id     text not null,
  product_code text,
  sku_id       text,
  trial        boolean,
  expires_at   timestamptz,
  -- the marketplace's extra billing items, texts by name
  items        jsonb not null default '{}',
  state        text not null default 'active' check (state in ('active', 'suspended', 'released')),
  -- rises with everything the marketplace says; a lifecycle command notes the version it sent
  version      bigint not null default 1,
  -- what createInstance was answered: the same to every repeat, byte by byte, so it is kept as text (jsonb orders members anew)
  answer       json not null,
  announced_at timestamptz not null default now(),
  updated_at   timestamptz not null default now(),
  primary key (marketplace, instance_id)
);

-- Every call of a marketplace with what became of it; never with its token.
create table marketplace_calls (
  id          uuid primary key,
  marketplace text not null,
  action      text not null,
  instance_id text,
  -- renewals and upgrades are told apart by their order, so that a late repeat changes nothing
  order_id    text,
  parameters  jsonb not null,
  verdict     text not null check (verdict in ('accepted', 'repeated', 'unmatched', 'refused', 'bad-token')),
  detail      text,
  received_at timestamptz not null default now(),
  -- of an unmatched call: when the instance was announced and the call took effect
  applied_at  timestamptz
);
create index marketplace_calls_instance on marketplace_calls (marketplace, instance_id, received_at);
create index marketplace_calls_received on marketplace_calls (received_at);
create index marketplace_calls_bad_token on marketplace_calls (received_at) where verdict = 'bad-token';
