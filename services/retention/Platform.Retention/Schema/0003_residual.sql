-- The two small classes that stay after the end of a contract. Their columns are what the service documents name, and no more: no tenant,
-- no service code, no incident. A test fails when a column is added.
create schema if not exists residual;

create table residual.detections (
    detected_at               timestamptz not null,
    attacked_address          cidr        not null,
    volume_bits_per_second    bigint      not null,
    volume_packets_per_second bigint      not null,
    mitigation_result         text        not null
);
create index on residual.detections (detected_at desc);
create index on residual.detections using gist (attacked_address inet_ops);

create table residual.configurations (
    prefixes   cidr[] not null,
    thresholds jsonb  not null,
    version    bigint not null
);

-- Which messages are in there already. Apart from the rows, so that nothing leads from a row to the fact that it came from.
create schema if not exists intake;

create table intake.residual_messages (
    message_id uuid primary key
);
