-- The marketplace: what was bought, by which order, and what the seller was told of it.

create table instances (
    instance_id text primary key,
    account_id text not null,
    product_code text not null,
    sku_id text not null,
    trial boolean not null,
    expires_on text,
    items jsonb not null default '{}',
    status text not null check (status in ('OPENING', 'OPENED', 'EXPIRED', 'CLOSED')),
    app_info jsonb,
    bought_at timestamptz not null,
    last_login_at timestamptz
);
create index instances_account on instances (account_id);

create table orders (
    order_id text primary key,
    instance_id text not null references instances,
    order_type text not null check (order_type in ('NEW', 'TRIAL', 'RENEW', 'UPGRADE')),
    order_status text not null check (order_status in ('NORMAL', 'REFUND')),
    ordered_at timestamptz not null
);
create index orders_instance on orders (instance_id, ordered_at);

create table notices (
    id bigint generated always as identity primary key,
    instance_id text not null references instances,
    action text not null,
    parameters jsonb not null,
    attempts int not null default 0,
    next_attempt_at timestamptz,
    accepted_at timestamptz,
    problem text
);
create index notices_due on notices (next_attempt_at) where accepted_at is null;

create table nonces (
    nonce text primary key,
    used_at timestamptz not null
);

-- The vendor's Billing Center.

create table billing_accounts (
    id text primary key,
    username text not null,
    email text not null,
    password_hash text,
    phone text,
    company jsonb,
    terms_accepted_at text
);
create unique index billing_accounts_username on billing_accounts (lower(username));
create unique index billing_accounts_email on billing_accounts (lower(email));

create table cloud_accounts (
    marketplace text not null,
    cloud_account_id text not null,
    billing_account_id text not null references billing_accounts,
    primary key (marketplace, cloud_account_id)
);

-- The vendor's console; the Billing Center sees its workspaces.

create table console_accounts (
    id text primary key,
    username text not null,
    email text not null,
    password_hash text not null,
    phone text,
    site text not null,
    terms_accepted_at text
);
create unique index console_accounts_username on console_accounts (site, lower(username));
create unique index console_accounts_email on console_accounts (site, lower(email));

create table workspaces (
    number bigint generated always as identity unique,
    id text primary key,
    name text not null,
    language text not null,
    site text not null,
    bindable boolean not null,
    owner_account_id text references console_accounts,
    billing_account_id text not null references billing_accounts,
    request jsonb not null
);
create unique index workspaces_name on workspaces (site, lower(name));
create index workspaces_billing_account on workspaces (billing_account_id, number);

create table bindings (
    workspace_id text primary key references workspaces,
    marketplace text not null,
    instance_id text not null,
    cloud_account_id text not null,
    state text not null check (state in ('active', 'suspended', 'released')),
    details jsonb not null,
    unique (marketplace, instance_id)
);

create table console_sessions (
    id_hash text primary key,
    account_id text references console_accounts,
    workspace_id text references workspaces,
    ends_at timestamptz not null
);

create table used_tickets (
    jti text primary key,
    used_at timestamptz not null
);

-- What every platform keeps of a call: the answer to its key.

create table answers (
    part text not null,
    key text not null,
    fingerprint text not null,
    status int not null,
    body jsonb not null,
    primary key (part, key)
);

-- The mail server.

create table mails (
    id bigint generated always as identity primary key,
    recipient text not null,
    sender text not null,
    subject text not null,
    text text not null,
    html text not null,
    received_at timestamptz not null
);
create index mails_recipient on mails (lower(recipient), id);

-- The sandbox itself.

create table faults (
    part text primary key,
    kind text not null,
    status int,
    code text,
    retry_after int,
    path text,
    times int,
    seconds double precision
);

create table calls (
    id bigint generated always as identity primary key,
    part text not null,
    method text not null,
    path text not null,
    idempotency_key text,
    body jsonb,
    status int,
    received_at timestamptz not null,
    effect boolean not null,
    problem text
);
create index calls_part on calls (part, id);
