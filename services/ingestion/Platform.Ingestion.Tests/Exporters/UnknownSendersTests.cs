using Platform.Ingestion.Exporters;
using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Tests.Exporters;

public sealed class UnknownSendersTests
{
    private const long Now = 1_700_000_000_000;

    private static readonly byte[] NetFlow9 = [0, 9, 0, 0];

    private readonly UnknownSenders _unknown = new();

    [Fact]
    public void Each_sender_is_shown_with_what_it_seems_to_speak_and_how_much()
    {
        _unknown.Note(HostAddress.FromV4(1), NetFlow9, Now);
        _unknown.Note(HostAddress.FromV4(1), [0, 0, 0, 5], Now + 2000);
        _unknown.Note(HostAddress.FromV4(2), [7], Now + 1000);

        Assert.Equal(
            [("0.0.0.1", FlowProtocol.Sflow5, 2, Now, Now + 2000), ("0.0.0.2", null, 1, Now + 1000, Now + 1000)],
            _unknown.All.OrderBy(sender => sender.Address.Low)
                .Select(sender => (sender.Address.ToString(), sender.Protocol, sender.Datagrams, sender.FirstSeenMs, sender.LastSeenMs)));
    }

    [Fact]
    public void Forged_addresses_take_no_more_than_a_bounded_room_and_the_rest_is_summed_up()
    {
        Fill(5000, Now);

        Assert.Equal((UnknownSenders.Most, UnknownSenders.Most), (_unknown.Count, _unknown.All.Count()));
        Assert.Equal(5000 - UnknownSenders.Most, _unknown.Others);
    }

    [Fact]
    public void A_sender_that_was_not_heard_for_long_gives_way_to_a_new_one()
    {
        Fill(UnknownSenders.Most, Now);
        _unknown.Note(HostAddress.FromV4(1_000_000), NetFlow9, Now + 300_000);
        Assert.Equal(1, _unknown.Others);

        _unknown.Note(HostAddress.FromV4(1), NetFlow9, Now + 500_000);
        _unknown.Note(HostAddress.FromV4(1_000_000), NetFlow9, Now + 601_000);
        Assert.Equal([1u, 1_000_000u], _unknown.All.Select(sender => sender.Address.V4).Order());
        Assert.Equal(2, _unknown.Count);
    }

    [Fact]
    public void Who_is_registered_is_no_longer_unknown()
    {
        var registry = new ExporterRegistry();
        registry.Unknown.Note(HostAddress.FromV4(1), NetFlow9, Now);
        registry.Replace([(Guid.Parse("0190aaaa-0000-7000-8000-000000000001"), HostAddress.FromV4(1), 0u, null)]);

        Assert.Empty(registry.Unknown.All);
        Assert.Equal(0, registry.Unknown.Count);
    }

    private void Fill(uint senders, long nowMs)
    {
        for (var address = 0u; address < senders; address++)
        {
            _unknown.Note(HostAddress.FromV4(address), NetFlow9, nowMs);
        }
    }
}
