-- Protocol that an exporter should speak; empty: any.
alter table views.exporters add column if not exists expected_protocol text not null default '';
