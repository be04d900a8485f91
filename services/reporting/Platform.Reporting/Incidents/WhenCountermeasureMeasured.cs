using System.Globalization;
using MassTransit;
using Platform.Contracts.Mitigation.V1;

namespace Platform.Reporting.Incidents;

/// <summary>Reaction: the effect of a countermeasure was measured; the incident says what it did, also when that was nothing.</summary>
internal sealed class WhenCountermeasureMeasured(IncidentRecorder incidents) : IConsumer<CountermeasureMeasured>
{
    public Task Consume(ConsumeContext<CountermeasureMeasured> context)
    {
        var fact = context.Message;
        var details = new Dictionary<string, string> { ["verdict"] = fact.Verdict, ["before_bits_per_second"] = Text(fact.BeforeBitsPerSecond) };
        if (fact.Words is { } words)
        {
            details["words"] = words;
        }

        Add("during_bits_per_second", fact.DuringBitsPerSecond);
        Add("after_bits_per_second", fact.AfterBitsPerSecond);
        Add("dropped_packets", fact.DroppedPackets);
        Add("dropped_bytes", fact.DroppedBytes);
        Add("passed_packets", fact.PassedPackets);
        Add("passed_bytes", fact.PassedBytes);
        return incidents.Record(
            context,
            fact.TenantId,
            fact.AnomalyId,
            fact.ServiceCode,
            IncidentSteps.CountermeasureMeasured,
            fact.MeasuredAt,
            IncidentFindings.None,
            details);

        void Add(string name, long? value)
        {
            if (value is { } known)
            {
                details[name] = Text(known);
            }
        }
    }

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
