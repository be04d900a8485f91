using Platform.Ingestion.Exporters;
using Platform.Ingestion.Flows;
using Platform.Ingestion.Tests.Flows;

namespace Platform.Ingestion.Tests.Exporters;

public sealed class ExporterRegistryTests
{
    private static readonly Guid First = Guid.Parse("0190aaaa-0000-7000-8000-000000000001");
    private static readonly Guid Second = Guid.Parse("0190aaaa-0000-7000-8000-000000000002");

    private readonly ExporterRegistry _registry = new();

    [Fact]
    public void An_exporter_that_is_removed_gives_back_all_that_it_made_us_remember_and_takes_no_more()
    {
        Register(First);
        var exporter = _registry.Find(Decoded.Address)!;
        Say(exporter);
        Assert.True(_registry.Remembered > 1000);

        _registry.Replace([]);
        Assert.Null(_registry.Find(Decoded.Address));
        Assert.Equal(0, _registry.Remembered);

        Say(exporter); // a thread that had looked it up just before
        Assert.Equal(0, _registry.Remembered);
    }

    [Fact]
    public void Who_stays_keeps_its_templates_and_who_is_registered_anew_begins_anew()
    {
        Register(First);
        Say(_registry.Find(Decoded.Address)!);
        var remembered = _registry.Remembered;

        Register(First);
        Assert.Equal((2, remembered), (_registry.Find(Decoded.Address)!.Context.TemplatesKept, _registry.Remembered));

        Register(Second);
        Assert.Equal((0, 0), (_registry.Find(Decoded.Address)!.Context.TemplatesKept, _registry.Remembered));
    }

    [Fact]
    public void Data_that_waits_is_given_up_also_when_its_exporter_sends_nothing_more()
    {
        Register(First);
        var exporter = _registry.Find(Decoded.Address)!;
        Say(exporter);

        exporter.Measure(Decoded.ReceivedMs + 31_000);

        Assert.Equal((0, 1), (exporter.Context.WaitingSets, exporter.Context.Errors[(int)DecodeError.DataWithoutTemplate]));
    }

    private static void Say(RegisteredExporter exporter)
    {
        var handler = new FlowList([]);
        byte[] datagram = Datagram.NetFlow9()
            .Set(0, set => set.Template(256, (1, 4)))
            .Set(1, set => set.U16(257, 4, 8).U16(2, 4, 34, 4, 35, 1))
            .Set(257, set => set.U32(5, 100).U8(1))
            .Set(300, set => set.U32(1));
        FlowDecoder.Decode(datagram, exporter.Context, Decoded.ReceivedMs, ref handler);
    }

    private void Register(Guid exporterId) => _registry.Replace([(exporterId, Decoded.Address, 0u, null)]);
}
