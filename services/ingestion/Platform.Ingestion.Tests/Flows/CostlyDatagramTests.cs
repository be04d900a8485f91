using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Tests.Flows;

/// <summary>Datagrams made to be dear: whatever an exporter said before, one costs no more than its length allows.</summary>
public sealed class CostlyDatagramTests
{
    private const int Longest = 65_000;

    /// <summary>Every template of 4,000 and then the same withdrawal, or a new template and its withdrawal, as often as fits.</summary>
    [Theory]
    [InlineData(2, false)]
    [InlineData(2, true)]
    [InlineData(3, false)]
    [InlineData(3, true)]
    public void Withdrawing_everything_over_and_over(int set, bool withNewTemplates)
    {
        var datagrams = Enumerable.Range(0, 4)
            .Select(part => (byte[])Datagram.Ipfix(sets => sets.Set(2, all =>
            {
                for (var id = 0; id < 1000; id++)
                {
                    all.Template(256 + part * 1000 + id, (1, 4));
                }
            })))
            .Append(Datagram.Ipfix(sets => sets.Set(set, all =>
            {
                while (all.Length < Longest)
                {
                    _ = withNewTemplates && set == 2 ? all.Template(5000, (1, 4)) : all;
                    _ = withNewTemplates && set == 3 ? all.U16(5000, 1, 1).U16(1, 4) : all;
                    all.U16(set, 0);
                }
            })));

        var exporter = AssertCheap(datagrams);
        Assert.Equal(set == 2 ? 0 : 4000, exporter.TemplatesKept);
        Assert.True(exporter.TemplatesWithdrawn >= (set == 2 ? 4000 : 0));
    }

    [Fact]
    public void Templates_for_none_of_the_data_that_waits()
    {
        var early = (byte[])Datagram.Ipfix(sets =>
        {
            for (var i = 0; i < 600; i++)
            {
                sets.Set(400, set => set.U8(1));
            }
        });
        var templates = (byte[])Datagram.Ipfix(sets => sets.Set(2, set =>
        {
            while (set.Length < Longest)
            {
                set.Template(256, (1, 4));
            }
        }));

        Assert.Equal(600, AssertCheap([early, templates]).WaitingSets);
    }

    [Fact]
    public void Records_of_a_thousand_fields_without_a_byte()
    {
        var template = (byte[])Datagram.Ipfix(sets => sets.Set(2, set => set.Template(256, [(210, 65535), .. Enumerable.Repeat((1, 0), 1023)])));
        var data = (byte[])Datagram.Ipfix(sets => sets.Set(256, set => set.Bytes(new byte[Longest - 100])));

        Assert.Equal(Longest - 100, AssertCheap([template, data]).Records);
    }

    /// <summary>Whether all samplers agree is asked anew with each of ten thousand changes.</summary>
    [Fact]
    public void Samplers_that_change_their_mind_all_the_time()
    {
        var template = (byte[])Datagram.Ipfix(sets => sets.Set(3, set => set.U16(257, 2, 1).U16(302, 2, 34, 1)));
        var agreed = (byte[])Datagram.Ipfix(sets => sets.Set(257, set =>
        {
            for (var sampler = 1; sampler <= 16_000; sampler++)
            {
                set.U16(sampler).U8(2);
            }
        }));
        var changes = (byte[])Datagram.Ipfix(sets => sets.Set(257, set =>
        {
            while (set.Length < Longest - 100)
            {
                set.U16(16_000).U8(3).U16(16_000).U8(2);
            }
        }));

        AssertCheap([template, agreed, changes]);
    }

    [Fact]
    public void Templates_as_many_as_fit()
    {
        var templates = (byte[])Datagram.Ipfix(sets => sets.Set(2, set =>
        {
            for (var id = 256; set.Length < Longest; id++)
            {
                set.Template(id, (1, 4));
            }
        }));

        AssertCheap([templates, templates]);
    }

    // Each datagram, after those before it; the best of three, because the first may be compiling.
    private static ExporterContext AssertCheap(IEnumerable<byte[]> datagrams)
    {
        var all = datagrams.ToList();
        var best = Enumerable.Repeat(TimeSpan.MaxValue, all.Count).ToArray();
        ExporterContext exporter = null!;
        for (var attempt = 0; attempt < 3; attempt++)
        {
            exporter = new ExporterContext(DecodeLimits.Default);
            var handler = new FlowList([]);
            for (var i = 0; i < all.Count; i++)
            {
                var before = ThreadTime.Used();
                FlowDecoder.Decode(all[i], exporter, Decoded.ReceivedMs + i, ref handler);
                var used = ThreadTime.Used() - before;
                best[i] = used < best[i] ? used : best[i];
            }
        }

        Assert.All(best.Zip(all), cost => Assert.True(cost.First < ThreadTime.MostFor(cost.Second.Length), $"{cost.Second.Length} bytes cost {cost.First}"));
        return exporter;
    }
}
