using System.Buffers.Binary;

namespace Platform.Ingestion.Flows;

/// <summary>Which sampling rate holds for a record, and what options data says of rates.</summary>
internal static class RecordRates
{
    private const int MostTimeoutSeconds = 86_400;

    // Nobody samples one packet in more: such a rate is a mistake, of the exporter or of ours.
    private const double MostRate = 1 << 24;

    public static (uint Rate, SamplingSource Source) OfSet(
        FlowTemplate template, ExporterContext exporter, FlowDomain domain, in MessageHeader header)
    {
        var known = OfSet(template, exporter, domain, in header, header.RatesAsOf);
        return known.Source == SamplingSource.Unknown && header.RatesAsOf != 0 ? OfSet(template, exporter, domain, in header, asOf: 0) : known;
    }

    public static (uint Rate, SamplingSource Source) OfRecord(
        FlowTemplate template,
        in RecordReader reader,
        in FlowRecord flow,
        ExporterContext exporter,
        FlowDomain domain,
        in MessageHeader header)
    {
        if (template.HasRate && RateIn(template, RateOfRecord(in reader, exporter), in reader, exporter) is > 0 and var own)
        {
            return (own, SamplingSource.Record);
        }

        // What was known when it came; where nothing was, what is known now.
        var known = Told(template, in reader, in flow, exporter, domain, in header, header.RatesAsOf);
        return known.Source == SamplingSource.Unknown && header.RatesAsOf != 0
            ? Told(template, in reader, in flow, exporter, domain, in header, asOf: 0)
            : known;
    }

    private static (uint Rate, SamplingSource Source) OfSet(
        FlowTemplate template, ExporterContext exporter, FlowDomain domain, in MessageHeader header, long asOf) =>
        exporter.SamplingOverride != 0 ? (exporter.SamplingOverride, SamplingSource.Setting)
        : domain.Rates.HasTemplates && domain.Rates.TryGet(SamplingSource.Template, template.Id, asOf, out var rate) ? (rate, SamplingSource.Template)
        : header.HeaderSampling != 0 ? (header.HeaderSampling, SamplingSource.Header)
        : domain.Rates.Default(asOf) is > 0 and var ofDomain ? (ofDomain, SamplingSource.Options)
        // A sampler that nobody described is not the one that somebody did.
        : !template.HasSampler && domain.Rates.OfAllSamplers(asOf) is > 0 and var ofSamplers ? (ofSamplers, SamplingSource.Sampler)
        : domain.Rates.OfAllLineCards(asOf) is > 0 and var ofLineCards ? (ofLineCards, SamplingSource.LineCard)
        : exporter.Rates.Default(asOf) is > 0 and var ofExporter ? (ofExporter, SamplingSource.Options)
        : !template.HasSampler && exporter.Rates.OfAllSamplers(asOf) is > 0 and var ofAllSamplers ? (ofAllSamplers, SamplingSource.Sampler)
        : exporter.Rates.OfAllLineCards(asOf) is > 0 and var ofAllLineCards ? (ofAllLineCards, SamplingSource.LineCard)
        : (1, SamplingSource.Unknown);

    private static (uint Rate, SamplingSource Source) Told(
        FlowTemplate template,
        in RecordReader reader,
        in FlowRecord flow,
        ExporterContext exporter,
        FlowDomain domain,
        in MessageHeader header,
        long asOf)
    {
        if (template.HasSampler && (domain.Rates.TryGet(SamplingSource.Sampler, (uint)reader[Slot.Sampler], asOf, out var rate)
            || exporter.Rates.TryGet(SamplingSource.Sampler, (uint)reader[Slot.Sampler], asOf, out rate)))
        {
            return (rate, SamplingSource.Sampler);
        }

        // An exporter samples where a packet comes in or where it goes out.
        if (exporter.Rates.HasInterfaces && (domain.Rates.TryGet(SamplingSource.Interface, flow.InInterface, asOf, out rate)
            || domain.Rates.TryGetOfEgress(flow.OutInterface, asOf, out rate)
            || exporter.Rates.TryGet(SamplingSource.Interface, flow.InInterface, asOf, out rate)
            || exporter.Rates.TryGetOfEgress(flow.OutInterface, asOf, out rate)))
        {
            return (rate, SamplingSource.Interface);
        }

        return OfSet(template, exporter, domain, in header, asOf);
    }

    // MikroTik writes element 34 of its data records with the last byte first.
    private static ulong RateOfRecord(in RecordReader reader, ExporterContext exporter)
    {
        var told = reader[Slot.Rate];
        if (told == 0 || (told & 0xFFFF) != 0 || !reader.Has(Slot.Rate, bytes: 4))
        {
            return told;
        }

        exporter.Count(DecodeError.RateByteOrder);
        return BinaryPrimitives.ReverseEndianness((uint)told);
    }

    // One packet in N from whichever way it is said (RFC 3954, RFC 5477); 0 when not said.
    private static uint RateIn(FlowTemplate template, ulong told, in RecordReader reader, ExporterContext exporter)
    {
        double rate = told > 0 ? told : reader[Slot.SamplerRate];
        if (rate == 0 && reader[Slot.SampledInterval] is > 0 and var interval)
        {
            // An interval without the space between intervals would say that everything is sampled; who sends that means one packet in so many.
            rate = template.HasSampledSpace ? (interval + (double)reader[Slot.SampledSpace]) / interval : interval;
        }

        if (rate == 0 && reader[Slot.SampledPopulation] is > 0 and var population)
        {
            rate = population / (double)Math.Max(1, reader[Slot.SampledSize]);
        }

        if (rate == 0 && reader[Slot.SampledProbability] is > 0 and var bits)
        {
            rate = 1 / (bits <= uint.MaxValue ? BitConverter.UInt32BitsToSingle((uint)bits) : BitConverter.UInt64BitsToDouble(bits));
        }

        if (rate > MostRate)
        {
            exporter.Count(DecodeError.RateTooHigh);
            return 0;
        }

        return rate >= 1 ? (uint)Math.Round(rate) : 0;
    }

    public static void ReadOptions(FlowTemplate template, in RecordReader reader, ExporterContext exporter, FlowDomain domain)
    {
        if (template.HasSystemStart)
        {
            domain.SystemStartMs = (long)reader[Slot.SystemStart];
            exporter.SystemStartMs = domain.SystemStartMs;
        }

        if (reader[Slot.ActiveTimeout] is > 0 and <= MostTimeoutSeconds and var seconds)
        {
            exporter.ActiveTimeoutMs = (uint)seconds * 1000;
        }

        if (!template.HasRate || RateIn(template, reader[Slot.Rate], in reader, exporter) is not (> 0 and var rate))
        {
            return;
        }

        if (template.HasSampler)
        {
            CountUnless(exporter.Rates.TrySet(domain, SamplingSource.Sampler, (uint)reader[Slot.Sampler], rate), exporter);
        }

        // A rate for the flows of one template says nothing about those of others.
        if (reader[Slot.ScopeTemplate] is > 0 and <= ushort.MaxValue and var templateId)
        {
            CountUnless(exporter.Rates.TrySet(domain, SamplingSource.Template, (uint)templateId, rate), exporter);
            return;
        }

        if ((reader[Slot.ScopeInterface] is > 0 and var scope ? scope : reader[Slot.InInterface]) is > 0 and var index)
        {
            CountUnless(exporter.Rates.TrySet(domain, SamplingSource.Interface, (uint)index, rate), exporter);
        }
        else if (reader[Slot.OutInterface] is > 0 and var egress)
        {
            CountUnless(exporter.Rates.TrySet(domain, SamplingSource.EgressInterface, (uint)egress, rate), exporter);
        }
        else if (template.HasLineCard)
        {
            CountUnless(exporter.Rates.TrySet(domain, SamplingSource.LineCard, (uint)reader[Slot.ScopeLineCard], rate), exporter);
        }
        else if (template.HasSampler)
        {
            return; // kept above
        }
        else if (reader[Slot.ScopeDomain] is > 0 and <= uint.MaxValue and var named)
        {
            CountUnless(exporter.Rates.TrySetOfDomain(exporter.Known(domain.Key with { Id = (uint)named }), (uint)named, rate), exporter);
        }
        else
        {
            exporter.Rates.SetDefault(domain, rate);
        }
    }

    private static void CountUnless(bool isKept, ExporterContext exporter)
    {
        if (!isKept)
        {
            exporter.Count(DecodeError.TooManyRates);
        }
    }
}
