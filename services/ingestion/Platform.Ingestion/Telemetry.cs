using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text.Json;
using Platform.Ingestion.Exporters;
using Platform.Ingestion.Flows;
using Platform.Ingestion.Receiving;

namespace Platform.Ingestion;

/// <summary>Every instrument of the service. Most are read from what the receiving threads count anyway, so that measuring costs them nothing.</summary>
internal sealed class IngestionMetrics : IDisposable
{
    public static readonly ActivitySource Activities = new("Platform.Ingestion");

    private readonly Meter _meter = new("Platform.Ingestion");
    private readonly Counter<long> _sent;
    private readonly Counter<long> _dropped;

    public IngestionMetrics()
    {
        _sent = _meter.CreateCounter<long>("platform.ingestion.windows.sent", "{window}", "Increments confirmed by the telemetry bus.");
        _dropped = _meter.CreateCounter<long>(
            "platform.ingestion.windows.dropped", "{window}", "Increments that the telemetry bus did not take in time or did not confirm.");
    }

    public Meter Meter => _meter;

    public void WindowsSent(int windows) => _sent.Add(windows);

    public void WindowsDropped(int windows) => _dropped.Add(windows);

    public void Observe(IReadOnlyList<FlowReceiver> receivers, ExporterRegistry exporters, TimeProvider clock)
    {
        void Count(string name, string unit, string description, Func<FlowReceiver, long> value) =>
            _meter.CreateObservableCounter($"platform.ingestion.{name}", () => receivers.Select(
                (receiver, number) => new Measurement<long>(value(receiver), new KeyValuePair<string, object?>("receiver", number))), unit, description);

        void Total(string name, string unit, string description, Func<ExporterContext, long> value) =>
            _meter.CreateObservableCounter(
                $"platform.ingestion.{name}",
                () => exporters.All.Select(exporter => new Measurement<long>(
                    value(exporter.Context), new KeyValuePair<string, object?>("exporter", exporter.Address.ToString()))),
                unit,
                description);

        Count("datagrams", "{datagram}", "Datagrams received.", receiver => receiver.Datagrams);
        Count("datagrams.rejected", "{datagram}", "Datagrams from senders that are not registered.", receiver => receiver.Rejected);
        Count("datagrams.kernel_dropped", "{datagram}", "Datagrams that the kernel dropped at the socket.", receiver => receiver.Socket.KernelDrops());
        Count("flows.matched", "{flow}", "Flows to or from a protected host.", receiver => receiver.Counter.Totals.Matched);
        Count("flows.unmatched", "{flow}", "Flows between hosts that nobody protects.", receiver => receiver.Counter.Totals.Unmatched);
        Count("flows.overflowed", "{flow}", "Flows that found the window table full.", receiver => receiver.Counter.Totals.Overflowed);
        Count("flows.unsketched", "{flow}", "Flows that no sketch had room for.", receiver => receiver.Counter.Totals.Unsketched);
        Count("late", "By", "Bytes of flows that lie before the open windows, scaled.", receiver => (long)receiver.Counter.Totals.LateBytes);
        Count("late_packets", "{packet}", "Packets of flows that lie before the open windows, scaled.", receiver => (long)receiver.Counter.Totals.LatePackets);
        Count("late_flows", "{flow}", "Flows that ended before the open windows.", receiver => receiver.Counter.Totals.LateFlows);
        Count("rows.dropped", "{row}", "Rows of windows that waited for the telemetry bus too long.", receiver => receiver.Counter.Totals.DroppedRows);
        Total("records", "{record}", "Flow records decoded.", context => context.Records);
        Total("sequence_gaps", "{unit}", "Datagrams or records that sequence numbers skipped; lost, but for those that came late.", context => context.SequenceSkipped);
        Total("sequence_late", "{unit}", "Datagrams or records that came after later ones: skipped before, but not lost.", context => context.SequenceLate);
        Total("sflow_drops", "{sample}", "Samples that agents say they lost for want of resources.", context => context.SflowDrops);
        Total("templates.withdrawn", "{template}", "Templates that the exporter took back.", context => context.TemplatesWithdrawn);
        Total("exporter.datagrams", "{datagram}", "Datagrams of a registered exporter.", context => context.Datagrams);
        _meter.CreateObservableGauge(
            "platform.ingestion.templates",
            () => exporters.All.Select(exporter => new Measurement<long>(
                exporter.Context.TemplatesKept, new KeyValuePair<string, object?>("exporter", exporter.Address.ToString()))),
            "{template}",
            "Templates in force.");
        _meter.CreateObservableGauge(
            "platform.ingestion.remembered",
            () => exporters.Remembered,
            "By",
            "Templates, domains, rates and waiting data of all exporters together.");
        _meter.CreateObservableGauge(
            "platform.ingestion.sampling_rate",
            () => exporters.All.Where(exporter => exporter.Context.LastRate > 0).Select(exporter => new Measurement<long>(
                exporter.Context.LastRate,
                new KeyValuePair<string, object?>("exporter", exporter.Address.ToString()),
                new KeyValuePair<string, object?>("source", JsonNamingPolicy.KebabCaseLower.ConvertName(exporter.Context.LastRateSource.ToString())))),
            "{packet}",
            "One packet in so many, as used for the last record, and who said so.");
        _meter.CreateObservableGauge(
            "platform.ingestion.unknown_senders",
            () => exporters.Unknown.Count,
            "{sender}",
            "Senders of rejected datagrams, as far as they are told apart.");
        _meter.CreateObservableGauge(
            "platform.ingestion.receive_buffer",
            () => receivers.Select((receiver, number) =>
                new Measurement<long>(receiver.Socket.BufferBytes, new KeyValuePair<string, object?>("receiver", number))),
            "By",
            "Receive buffer that the kernel gave.");
        _meter.CreateObservableGauge(
            "platform.ingestion.clock_skew",
            () => exporters.All.Where(exporter => exporter.LastSeenMs > 0).Select(exporter => new Measurement<double>(
                exporter.Context.ClockSkewMs / 1000.0, new KeyValuePair<string, object?>("exporter", exporter.Address.ToString()))),
            "s",
            "Our clock minus the exporter's at its last datagram.");
        _meter.CreateObservableGauge(
            "platform.ingestion.exporter.silence",
            () => exporters.All.Where(exporter => exporter.LastSeenMs > 0).Select(exporter => new Measurement<double>(
                Math.Max(0, clock.GetUtcNow().ToUnixTimeMilliseconds() - exporter.LastSeenMs) / 1000.0,
                new KeyValuePair<string, object?>("exporter", exporter.Address.ToString()))),
            "s",
            "Since the last datagram of an exporter that this replica has heard.");
        _meter.CreateObservableCounter(
            "platform.ingestion.decode_errors",
            () => from exporter in exporters.All
                  from error in Enum.GetValues<DecodeError>()
                  where exporter.Context.Errors[(int)error] > 0
                  select new Measurement<long>(
                      exporter.Context.Errors[(int)error],
                      new KeyValuePair<string, object?>("exporter", exporter.Address.ToString()),
                      new KeyValuePair<string, object?>("reason", JsonNamingPolicy.KebabCaseLower.ConvertName(error.ToString()))),
            "{error}",
            "Datagrams or parts that were not understood, by reason.");
    }

    public void Dispose() => _meter.Dispose();
}
