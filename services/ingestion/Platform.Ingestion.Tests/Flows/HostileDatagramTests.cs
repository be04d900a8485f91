using System.Diagnostics;
using FsCheck;
using FsCheck.Fluent;
using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Tests.Flows;

public sealed class HostileDatagramTests
{
    [Fact]
    public void A_version_that_nobody_speaks_is_counted() => AssertError(DecodeError.UnknownVersion, new Datagram().U16(7, 1).U32(0, 0));

    [Fact]
    public void A_datagram_of_nothing_is_counted() => AssertError(DecodeError.HeaderTruncated, new Datagram());

    [Theory]
    [InlineData(5)]
    [InlineData(9)]
    [InlineData(10)]
    public void A_datagram_that_ends_in_its_header_is_counted(int version) =>
        AssertError(DecodeError.HeaderTruncated, new Datagram().U16(version, 1).U32(0));

    [Fact]
    public void A_set_without_room_for_its_own_header_ends_the_datagram() =>
        AssertError(DecodeError.SetTooShort, Datagram.NetFlow9().U16(256, 3).U32(0));

    [Fact]
    public void A_set_longer_than_the_datagram_is_counted() =>
        AssertError(DecodeError.SetBeyondDatagram, Datagram.NetFlow9().U16(0, 400).Template(256, (1, 4)));

    [Fact]
    public void A_message_length_that_is_wrong_is_counted_and_the_datagram_is_still_read()
    {
        var decoded = new Decoded().Receive(new Datagram().U16(10, 9999).U32(1_700_000_000, 1, 7)
            .Set(2, set => set.Template(256, (1, 4))).Set(256, set => set.U32(5)));

        Assert.Equal(5ul, decoded.Flow.Bytes);
        Assert.Equal(1, decoded.Errors[DecodeError.MessageLengthWrong]);
    }

    [Fact]
    public void A_reserved_set_is_counted() => AssertError(DecodeError.SetIdReserved, Datagram.NetFlow9().Set(77, set => set.U32(0)));

    [Fact]
    public void A_template_with_a_reserved_id_is_counted() =>
        AssertError(DecodeError.TemplateIdReserved, Datagram.NetFlow9().Set(0, set => set.Template(255, (1, 4))));

    [Fact]
    public void A_template_that_claims_thousands_of_fields_is_refused() =>
        AssertError(DecodeError.TemplateTooLarge, Datagram.NetFlow9().Set(0, set => set.U16(256, 60_000).U32(0, 0)));

    [Fact]
    public void A_template_that_ends_early_is_refused() =>
        AssertError(DecodeError.TemplateTruncated, Datagram.NetFlow9().Set(0, set => set.U16(256, 3).U16(1, 4)));

    [Fact]
    public void A_template_of_zero_length_fields_is_refused_because_its_records_would_never_end() =>
        AssertError(DecodeError.TemplateEmpty, Datagram.NetFlow9().Set(0, set => set.Template(256, (1, 0), (2, 0))));

    [Fact]
    public void Scopes_that_outnumber_the_fields_are_refused() =>
        AssertError(DecodeError.TemplateScopeWrong, Datagram.Ipfix(sets => sets.Set(3, set => set.U16(256, 1, 2).U16(1, 4))));

    [Theory]
    [InlineData("too many fields", DecodeError.TemplateTooLarge)]
    [InlineData("cut", DecodeError.TemplateTruncated)]
    [InlineData("empty", DecodeError.TemplateEmpty)]
    public void A_redefinition_that_is_refused_ends_the_template_and_a_good_one_serves_only_data_after_it(string how, object refusal)
    {
        var decoded = new Decoded()
            .Receive(Datagram.NetFlow9().Set(0, set => set.Template(256, (1, 4))).Set(256, set => set.U32(1)))
            .Receive(Datagram.NetFlow9(sequence: 2).Set(0, set => _ = how switch
            {
                "cut" => set.U16(256, 2).U16(2, 4),
                "empty" => set.Template(256),
                _ => set.Template(256, [.. Enumerable.Repeat((2, 4), 1100)]),
            }))
            .Receive(Datagram.NetFlow9(sequence: 3).Set(256, set => set.U32(2, 3)));
        Assert.Equal(1ul, decoded.Flow.Bytes);
        Assert.Equal(1, decoded.Errors[(DecodeError)refusal]);

        Assert.Equal((1, 0), (decoded.Errors[DecodeError.DataWithoutTemplate], decoded.Exporter.WaitingSets));

        decoded.Receive(Datagram.NetFlow9(sequence: 4).Set(0, set => set.Template(256, (2, 4), (1, 4))).Set(256, set => set.U32(4, 5)));

        Assert.Equal([1ul, 5ul], decoded.Flows.Select(flow => flow.Bytes));
    }

    /// <summary>Data of a layout that nobody knows gave five hundred flows that never were.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Data_around_a_template_that_is_refused_is_not_read_by_the_next_one(bool isTooMany)
    {
        var data = (byte[])Datagram.Ipfix(sets => sets.Set(256, set => set.Bytes(new byte[8000])));
        var decoded = new Decoded(new DecodeLimits { Templates = 1, TemplateIdle = TimeSpan.FromMinutes(1) })
            .Receive(Datagram.Ipfix(sets => sets.Set(2, set => _ = isTooMany ? set.Template(300, (1, 4)) : set)))
            .Receive(data)
            .Receive(Datagram.Ipfix(sets => sets.Set(2, set => set.Template(256, [.. Enumerable.Repeat((1, 4), isTooMany ? 2 : 2000)]))))
            .Receive(data)
            .Receive(Datagram.Ipfix(sets => sets.Set(2, set => set.U16(300, 0)).Set(2, set => set.Template(256, (8, 4), (12, 4), (1, 4), (2, 4)))));

        Assert.Empty(decoded.Flows);
        Assert.Equal((2, 0), (decoded.Errors[DecodeError.DataWithoutTemplate], decoded.Exporter.WaitingSets));
        Assert.Equal(500, decoded.Receive(data).Flows.Count);
    }

    [Fact]
    public void Where_too_many_templates_are_refused_to_tell_them_apart_no_data_waits()
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9().Set(0, set =>
        {
            for (var id = 0; id < 1000; id++)
            {
                set.Template(256 + id);
            }
        }));
        decoded.Receive(Datagram.NetFlow9(sequence: 2).Set(1255, set => set.U32(1)))
            .Receive(Datagram.NetFlow9(sequence: 3).Set(0, set => set.Template(1255, (1, 4))).Set(1255, set => set.U32(2)));

        Assert.Equal(2ul, decoded.Flow.Bytes);
        Assert.Equal(1, decoded.Errors[DecodeError.DataWithoutTemplate]);
    }

    [Fact]
    public void Bytes_behind_the_last_of_anything_are_counted_unless_they_are_zero()
    {
        AssertError(DecodeError.TrailingBytes, Datagram.NetFlow9().Set(0, set => set.Template(256, (1, 4))).U8(7));
        AssertError(DecodeError.TrailingBytes, Datagram.NetFlow9().Set(0, set => set.Template(256, (1, 4)).U8(0, 7)));
        AssertError(DecodeError.TrailingBytes, new Datagram().Bytes(Datagram.Ipfix(sets => sets.Set(2, set => set.Template(256, (1, 4))))).U32(7, 8));
        AssertError(DecodeError.TrailingBytes, new Datagram().U32(5, 1).Address("192.0.2.9").U32(0, 1, 60_000, 0).U32(1));
        AssertError(DecodeError.TrailingBytes, new Datagram().U16(5, 0).U32(1, 2, 3, 4).U8(0, 0).U16(0).U32(1));
        Assert.Equal(1, new Decoded().Receive(Datagram.NetFlow9().Set(0, set => set.Template(256, (1, 4))).Set(256, set => set.U32(1).U8(0, 7)))
            .Errors[DecodeError.TrailingBytes]);
        Assert.Empty(new Decoded().Receive(Datagram.NetFlow9().Set(0, set => set.Template(256, (1, 4))).U32(0)).Errors);
    }

    [Fact]
    public void A_flood_of_templates_stops_at_the_limit()
    {
        var decoded = new Decoded(new DecodeLimits { Templates = 100 });
        for (var i = 0; i < 1000; i++)
        {
            decoded.Receive(Datagram.NetFlow9(sourceId: (uint)(i % 10)).Set(0, set => set.Template(256 + i, (1, 4))));
        }

        Assert.Equal(100, decoded.Exporter.TemplatesKept);
        Assert.Equal(900, decoded.Errors[DecodeError.TooManyTemplates]);
    }

    [Fact]
    public void Idle_templates_give_way_when_the_exporter_is_at_its_limit()
    {
        var decoded = new Decoded(new DecodeLimits { Templates = 1 })
            .Receive(Datagram.NetFlow9().Set(0, set => set.Template(256, (1, 4))))
            .Receive(
                Datagram.NetFlow9().Set(0, set => set.Template(257, (1, 4))).Set(257, set => set.U32(8)),
                Decoded.ReceivedMs + 31 * 60_000);

        Assert.Equal(8ul, decoded.Flow.Bytes);
    }

    [Fact]
    public void A_flood_of_observation_domains_stops_at_the_limit()
    {
        var decoded = new Decoded(new DecodeLimits { Domains = 10 });
        for (var i = 0u; i < 100; i++)
        {
            decoded.Receive(Datagram.NetFlow9(sourceId: i));
        }

        Assert.Equal(90, decoded.Errors[DecodeError.TooManyDomains]);
    }

    [Fact]
    public void Observation_domains_that_lie_idle_give_way_to_others()
    {
        var decoded = new Decoded(new DecodeLimits { Domains = 2 })
            .Receive(Datagram.NetFlow9(sourceId: 1).Set(0, set => set.Template(256, (1, 4))))
            .Receive(Datagram.NetFlow9(sourceId: 2))
            .Receive(Datagram.NetFlow9(sourceId: 3).Set(0, set => set.Template(256, (1, 4))), Decoded.ReceivedMs + 31 * 60_000);

        Assert.Equal([3u], decoded.Exporter.Domains.Select(domain => domain.Id));
        Assert.Equal(1, decoded.Exporter.TemplatesKept);
        Assert.Empty(decoded.Errors);
    }

    /// <summary>Domains, and rates of samplers, interfaces and templates: each exporter's own limit, and what all may have together.</summary>
    [Fact]
    public void A_flood_of_rates_and_domains_is_bounded_and_given_back_when_the_exporter_is_removed()
    {
        var memory = new SharedMemory(30_000_000);
        var exporters = Enumerable.Range(0, 40).Select(_ => new ExporterContext(DecodeLimits.Default, memory)).ToList();
        var handler = default(Ignore);
        var datagrams = Enumerable.Range(0, 8).Select(domain => (byte[])Datagram.Ipfix(
            sets => sets
                .Set(3, set => set.U16(257, 3, 1).U16(145, 2, 302, 2, 34, 1).U16(258, 2, 1).U16(10, 2, 34, 1))
                .Set(257, set => Each(set, number => set.U16(number, number).U8(2)))
                .Set(258, set => Each(set, number => set.U16(number).U8(2))),
            (uint)domain)).ToList();
        foreach (var exporter in exporters)
        {
            datagrams.ForEach(datagram => FlowDecoder.Decode(datagram, exporter, 1, ref handler));
        }

        Assert.InRange(memory.Taken, 29_000_000, 30_000_000);
        Assert.Equal(DecodeLimits.Default.Rates, exporters[0].Domains.Sum(domain => domain.Rates.Count));
        Assert.All(exporters.Where(exporter => exporter.Errors[(int)DecodeError.TooManyTemplates] == 0), exporter => Assert.Equal(
            8 * 3 * 2500,
            exporter.Domains.Sum(domain => domain.Rates.Count) + exporter.Errors[(int)DecodeError.TooManyRates]
                + exporter.Errors[(int)DecodeError.TooManyDomains] * 3 * 2500));
        exporters.ForEach(exporter => exporter.Close());
        Assert.Equal(0, memory.Taken);

        static void Each(Datagram set, Action<int> add) => Enumerable.Range(1, 2500).ToList().ForEach(add);
    }

    [Fact]
    public void Data_that_waits_for_templates_is_bounded_and_the_oldest_goes_first()
    {
        var decoded = new Decoded(new DecodeLimits { WaitingBytes = 10_000 });
        for (var i = 0; i < 1000; i++)
        {
            decoded.Receive(Datagram.NetFlow9().Set(256 + i, set => set.U32(i)));
        }

        Assert.Equal(10_000 / (4 + WaitingSet.Overhead), decoded.Exporter.WaitingSets);
        Assert.Equal(1000 - decoded.Exporter.WaitingSets, decoded.Errors[DecodeError.DataWithoutTemplate]);
        Assert.Equal(999ul, decoded.Receive(Datagram.NetFlow9().Set(0, set => set.Template(256 + 999, (1, 4)))).Flow.Bytes);
    }

    [Fact]
    public void Ten_thousand_exporters_that_all_flood_us_take_no_more_than_what_all_may_have()
    {
        var memory = new SharedMemory(8_000_000);
        var exporters = Enumerable.Range(0, 10_000).Select(_ => new ExporterContext(DecodeLimits.Default, memory)).ToList();
        var handler = default(Ignore);
        var (template, early) = (
            (byte[])Datagram.NetFlow9().Set(0, set => set.Template(256, (1, 4)).Template(257, (2, 4))),
            (byte[])Datagram.NetFlow9().Set(300, set => set.Bytes(new byte[1000])));
        foreach (var exporter in exporters)
        {
            FlowDecoder.Decode(template, exporter, 1, ref handler);
            FlowDecoder.Decode(early, exporter, 1, ref handler);
        }

        Assert.InRange(memory.Taken, 7_000_000, 8_000_000);
        Assert.All(exporters.Where(exporter => exporter.Domains.Any()), exporter => Assert.Equal(
            3, exporter.TemplatesKept + exporter.WaitingSets
                + exporter.Errors[(int)DecodeError.TooManyTemplates] + exporter.Errors[(int)DecodeError.DataWithoutTemplate]));
        Assert.All(exporters.Where(exporter => !exporter.Domains.Any()), exporter => Assert.Equal(2, exporter.Errors[(int)DecodeError.TooManyDomains]));
        exporters.ForEach(exporter => exporter.GiveUpWaiting());
        Assert.Equal(exporters.Sum(exporter => exporter.TemplatesKept * (1024 + 16) + exporter.Domains.Count() * FlowDomain.Memory), memory.Taken);
    }

    [Fact]
    public void Data_whose_template_never_comes_is_counted_after_a_while_also_when_no_template_comes_at_all()
    {
        var decoded = new Decoded();
        decoded.Receive(Datagram.NetFlow9().Set(256, set => set.U32(1)));
        Assert.Empty(decoded.Errors);

        decoded.Receive(Datagram.NetFlow9().Set(256, set => set.U32(2)), Decoded.ReceivedMs + 31_000);

        Assert.Equal(1, decoded.Errors[DecodeError.DataWithoutTemplate]);
        Assert.Equal(1, decoded.Exporter.WaitingSets);
    }

    [Fact]
    public void Whatever_the_bytes_are_nothing_throws()
    {
        var property = Prop.ForAll<byte[]>(bytes =>
        {
            var decoded = new Decoded();
            foreach (var version in (int[])[5, 9, 10])
            {
                decoded.Receive(new Datagram().U16(version).Bytes(bytes));
                decoded.Receive(new Datagram().U16(version, bytes.Length + 16).U32(0, 0, 0, 0).U16(version == 9 ? 0 : 2, bytes.Length).Bytes(bytes));
            }

            decoded.Receive(new Datagram().U32(5, 1, 0, 0, 0, 0, 200).Bytes(bytes));
        });

        Check.One(Config.QuickThrowOnFailure.WithMaxTest(2000).WithEndSize(600).WithReplay(20260701, 1), property);
    }

    [Fact]
    public void Good_datagrams_with_broken_bytes_neither_throw_nor_stall_nor_grow()
    {
        var random = new Random(4711); // the same datagrams in every run
        var limits = new DecodeLimits { Templates = 64, Fields = 2000, WaitingBytes = 50_000 };
        var decoded = new ExporterContext(limits);
        var handler = default(Ignore);
        var slowest = TimeSpan.Zero;
        for (var round = 0; round < 60_000; round++)
        {
            byte[] datagram = [.. Corpus[random.Next(Corpus.Length)]];
            for (var breaks = random.Next(1, 8); breaks > 0; breaks--)
            {
                datagram[random.Next(2, datagram.Length)] = (byte)(random.Next(3) switch { 0 => 0, 1 => 255, _ => random.Next(256) });
            }

            var started = Stopwatch.GetTimestamp();
            FlowDecoder.Decode(datagram.AsSpan(0, random.Next(datagram.Length / 2, datagram.Length + 1)), decoded, round, ref handler);
            var took = Stopwatch.GetElapsedTime(started);
            slowest = took > slowest ? took : slowest;
        }

        Assert.InRange(decoded.TemplatesKept, 0, limits.Templates);
        Assert.InRange(decoded.WaitingSets, 0, limits.WaitingBytes / WaitingSet.Overhead);
        Assert.True(slowest < TimeSpan.FromSeconds(5), $"one datagram took {slowest}");
    }

    internal static readonly byte[][] Corpus =
    [
        Datagram.NetFlow9()
            .Set(0, set => set.Template(256, (8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (1, 4), (2, 4), (22, 4), (21, 4), (48, 1)))
            .Set(1, set => set.U16(257, 4, 8).U16(1, 4, 48, 1, 50, 4))
            .Set(257, set => set.U32(0).U8(1).U32(100))
            .Set(256, set => set.Bytes(new byte[90])),
        Datagram.Ipfix(sets => sets
            .Set(2, set => set.U16(256, 5).U16(27, 16, 28, 16, 82, 65535).U16(0x8001, 4).U32(29305).U16(315, 65535))
            .Set(3, set => set.U16(258, 3, 1).U16(149, 4, 160, 8, 34, 4))
            .Set(256, set => set.Bytes(new byte[36]).U8(3, 1, 2, 3).U32(7).U8(40).Bytes(new byte[40]))
            .Set(258, set => set.U32(1).U64(5).U32(10))
            .Set(2, set => set.U16(256, 0))),
        new Datagram().U16(5, 2).U32(1, 2, 3, 4).U8(0, 0).U16(100).Bytes(new byte[96]),
        new Datagram().U32(5, 1).Address("192.0.2.9").U32(0, 1, 60_000, 2)
            .U32(1, 112, 1, 5, 100, 0, 0, 5, 6, 2, 1, 64, 1, 90, 4, 48).Bytes(new byte[12]).U16(0x8100, 5, 0x86DD)
            .U32(0x6000_0000).U16(48).U8(0, 64).Bytes(new byte[24])
            .U32(1001, 16, 1, 0, 1, 0).U32(2, 4, 1),
    ];

    private static void AssertError(DecodeError error, byte[] datagram)
    {
        var decoded = new Decoded().Receive(datagram);

        Assert.Equal(1, decoded.Errors[error]);
        Assert.Empty(decoded.Flows);
    }

    private struct Ignore : IFlowHandler
    {
        public static bool WantsFields => false;

        public readonly void Flow(in FlowRecord flow)
        {
        }

        public readonly void Record(in MessageHeader header, FlowTemplate template, ReadOnlySpan<byte> record)
        {
        }

        public readonly void Sample(in MessageHeader header, in FlowSample sample, ReadOnlySpan<byte> packet)
        {
        }
    }
}
