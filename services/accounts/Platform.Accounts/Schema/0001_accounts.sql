-- What keeps contracts apart (class provider), what people may ask to be forgotten (class customer), and read models.
create extension if not exists btree_gist;

create schema accounts;
create schema customer;
create schema if not exists views;

-- A code is given once. The sequence never goes back, so a code is never reused, whatever happens to its contract.
create sequence accounts.service_code_numbers minvalue 1 maxvalue 99999999 no cycle;

create table accounts.service_codes (
    service_code text primary key default 'DP' || lpad(nextval('accounts.service_code_numbers')::text, 8, '0'),
    contract_id uuid not null unique,
    tenant_id uuid not null,
    allocated_at timestamptz not null
);

-- Prefixes that contracts hold against each other. A claim is taken before the event and given back after it, so there is at all
-- times a claim for every prefix in force; the constraint makes two contracts' claims exclude each other, also when they race.
create table accounts.prefix_claims (
    contract_id uuid not null,
    prefix cidr not null,
    claimed_at timestamptz not null,
    primary key (contract_id, prefix),
    constraint prefixes_apart exclude using gist (contract_id with <>, prefix inet_ops with &&)
);

-- What this owner erased; written with the deletion itself, so that a repeat can say what the first time counted.
create table accounts.erasures (
    erasure_id uuid primary key,
    service_code text not null,
    counts jsonb not null
);

create table customer.tenants (
    tenant_id uuid primary key,
    name text not null
);

create table customer.labels (
    service_code text primary key,
    tenant_id uuid not null,
    label text not null
);

-- Credentials of ASP.NET Core Identity. Who an operator is and what the operator may do stands in the operators stream.
create table customer.operators (
    operator_id uuid primary key,
    tenant_id text not null,
    email text not null,
    normalized_email text not null unique,
    display_name text not null,
    password_hash text,
    security_stamp text,
    concurrency_stamp text,
    access_failed_count integer not null,
    lockout_end timestamptz
);
create index operators_by_tenant on customer.operators (tenant_id);

-- Access log: every attempt to sign in. The login is not kept when nobody has it: people mistype passwords into that field.
create table customer.sign_ins (
    sign_in_id bigint generated always as identity primary key,
    at timestamptz not null,
    operator_id uuid,
    tenant_id text,
    source_address text not null,
    result text not null
);
create index sign_ins_by_tenant on customer.sign_ins (tenant_id, at);

create table views.tenants_v1 (
    tenant_id uuid primary key,
    registered_at timestamptz not null
);

create table views.contracts_v1 (
    contract_id uuid primary key,
    tenant_id uuid not null,
    service_code text not null unique,
    service text not null,
    prefixes text[] not null,
    declared_bits_per_second bigint not null,
    signed_at timestamptz not null,
    terminated_at timestamptz
);
create index contracts_v1_by_tenant on views.contracts_v1 (tenant_id);
