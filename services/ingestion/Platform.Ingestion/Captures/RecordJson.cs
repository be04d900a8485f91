using System.Text.Encodings.Web;
using System.Text.Json;
using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Captures;

/// <summary>Writes each record as one line of JSON, every field under its IPFIX name. Numbers are numbers, octets are hexadecimal.</summary>
internal sealed class RecordJson(Stream output, bool withOptions) : IDisposable
{
    private static readonly JsonWriterOptions Options = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // names and user agents stay readable; this is a terminal, not a page
        SkipValidation = true,
    };

    // A packet in a packet in a packet...: deeper ones are left out.
    private const int MostTunnels = 8;

    private readonly Utf8JsonWriter _json = new(output, Options);
    private readonly Dictionary<FlowTemplate, Column[]> _columns = [];
    private Range[] _ranges = [];
    private FlowRecord? _counted;

    public HostAddress Exporter { get; set; }

    /// <summary>What the platform counts of the record that is written next; of two directions the first.</summary>
    public void Note(in FlowRecord counted) => _counted ??= counted;

    public void Dispose() => _json.Dispose();

    public void Write(in MessageHeader header, FlowTemplate template, ReadOnlySpan<byte> record)
    {
        if (template.IsOptions && !withOptions)
        {
            return;
        }

        Begin(in header, template);
        var columns = ColumnsOf(template);
        Locate(template, record);
        foreach (var column in columns)
        {
            _json.WritePropertyName(column.Name);
            if (column.Fields.Length > 1)
            {
                _json.WriteStartArray();
            }

            foreach (var field in column.Fields)
            {
                FieldJson.Write(_json, column.Type, record[_ranges[field]]);
            }

            if (column.Fields.Length > 1)
            {
                _json.WriteEndArray();
            }
        }

        if (template.HasPacketSection && template.TryFindPacket(record, out var packet, out var isFrame))
        {
            PacketHeader parsed = default;
            if (isFrame ? PacketHeader.TryParseEthernet(packet, ref parsed) : PacketHeader.TryParseIp(packet, ref parsed))
            {
                WritePacket(in parsed, packet, name => columns.All(column => column.Name != name));
            }
        }

        End();
    }

    public void Write(in MessageHeader header, in FlowSample sample, ReadOnlySpan<byte> packet)
    {
        Begin(in header, null);
        if (sample.IsDiscarded)
        {
            _json.WriteNumber("droppedOctetDeltaCount", sample.FrameLength);
            _json.WriteNumber("droppedPacketDeltaCount", 1);
            _json.WriteNumber("sflowDropReason", sample.DropReason);
        }
        else
        {
            _json.WriteNumber("octetDeltaCount", sample.FrameLength);
            _json.WriteNumber("packetDeltaCount", 1);
            _json.WriteNumber("samplingInterval", sample.SamplingRate);
            _json.WriteNumber("selectorIdTotalPktsObserved", sample.SamplePool);
        }

        WriteInterface("ingressInterface", sample.Input);
        WriteInterface("egressInterface", sample.Output);
        _json.WriteNumber("dataLinkFrameSize", sample.FrameLength);
        WritePacket(in sample.Packet, packet, _ => true);
        if (sample.HasSwitch)
        {
            if (sample.Packet.Tags == 0)
            {
                _json.WriteNumber("vlanId", sample.SourceVlan);
            }

            _json.WriteNumber("postVlanId", sample.DestinationVlan);
        }

        if (sample.HasRouter)
        {
            _json.WriteString(sample.NextHop.IsV4 ? "ipNextHopIPv4Address" : "ipNextHopIPv6Address", sample.NextHop.ToString());
            var isV4 = sample.Packet.Version != 6;
            _json.WriteNumber(isV4 ? "sourceIPv4PrefixLength" : "sourceIPv6PrefixLength", sample.SourcePrefixLength);
            _json.WriteNumber(isV4 ? "destinationIPv4PrefixLength" : "destinationIPv6PrefixLength", sample.DestinationPrefixLength);
        }

        if (sample.HasNat)
        {
            _json.WriteString(sample.NatSource.IsV4 ? "postNATSourceIPv4Address" : "postNATSourceIPv6Address", sample.NatSource.ToString());
            _json.WriteString(sample.NatDestination.IsV4 ? "postNATDestinationIPv4Address" : "postNATDestinationIPv6Address", sample.NatDestination.ToString());
        }

        if (sample.HasGateway)
        {
            _json.WriteString(
                sample.BgpNextHop.IsV4 ? "bgpNextHopIPv4Address" : "bgpNextHopIPv6Address", sample.BgpNextHop.ToString());
            _json.WriteNumber("bgpSourceAsNumber", sample.SourceAsn);
            _json.WriteNumber("bgpDestinationAsNumber", sample.DestinationAsn);
            _json.WriteNumber("bgpPrevAdjacentAsNumber", sample.SourcePeerAsn);
            _json.WriteNumber("bgpNextAdjacentAsNumber", sample.DestinationPeerAsn);
        }

        End();
    }

    // The value under the usual name; where it is no index, what it is (1: reason of the discard, 2: number of interfaces) beside it.
    private void WriteInterface(string name, SflowInterface told)
    {
        _json.WriteNumber(name, told.Value);
        if (told.Format != 0)
        {
            _json.WriteNumber($"{name}Format", told.Format);
        }
    }

    private void Begin(in MessageHeader header, FlowTemplate? template)
    {
        _json.Reset();
        _json.WriteStartObject();
        _json.WriteStartObject("header");
        _json.WriteString("format", header.Format.ToString().ToLowerInvariant());
        _json.WriteString("exporter", Exporter.ToString());
        if (header.Format == FlowProtocol.Sflow5)
        {
            _json.WriteString("agent", header.Agent.ToString());
        }

        _json.WriteNumber("observationDomainId", header.Domain);
        _json.WriteNumber("sequenceNumber", header.Sequence);
        _json.WriteNumber("exportTimeMilliseconds", header.ExportedMs);
        if (header.Format is not FlowProtocol.Ipfix)
        {
            _json.WriteNumber("systemUpTimeMilliseconds", header.UptimeMs);
        }

        if (header.HeaderSampling > 0)
        {
            _json.WriteNumber("samplingInterval", header.HeaderSampling);
        }

        if (template is { Id: > 0 })
        {
            _json.WriteNumber("templateId", template.Id);
        }

        if (template is { IsOptions: true })
        {
            _json.WriteBoolean("options", true);
        }

        _json.WriteEndObject();
    }

    private void End()
    {
        if (_counted is { } counted)
        {
            _json.WriteStartObject("counted");
            if (counted.StartMs != 0)
            {
                _json.WriteNumber("flowStartMilliseconds", counted.StartMs);
            }

            _json.WriteNumber("flowEndMilliseconds", counted.EndMs);
            _json.WriteNumber("samplingRate", counted.SamplingRate);
            _json.WriteString("samplingSource", JsonNamingPolicy.KebabCaseLower.ConvertName(counted.SamplingSource.ToString()));
            if (counted.IsOfNobody)
            {
                _json.WriteBoolean("ofNobody", true); // counted as an error, not as traffic
            }

            _json.WriteEndObject();
            _counted = null;
        }

        _json.WriteEndObject();
        _json.Flush();
        output.WriteByte((byte)'\n');
    }

    private void WritePacket(in PacketHeader packet, ReadOnlySpan<byte> bytes, Func<string, bool> isNew, int tunnels = 0)
    {
        void Number(string name, ulong value)
        {
            if (isNew(name))
            {
                _json.WriteNumber(name, value);
            }
        }

        if (packet.FrameLength > 0 && isNew("sourceMacAddress"))
        {
            var frame = bytes[^packet.FrameLength..];
            _json.WriteString("sourceMacAddress", FieldJson.Mac(frame[6..12]));
            _json.WriteString("destinationMacAddress", FieldJson.Mac(frame[..6]));
            Number("ethernetType", packet.EtherType);
        }

        if (packet.Tags > 0)
        {
            Number("vlanId", packet.Vlan);
        }

        if (packet.Tags > 1)
        {
            Number("dot1qCustomerVlanId", packet.InnerVlan);
        }

        if (packet.Version == 0)
        {
            return;
        }

        var isV4 = packet.Version == 4;
        Number("ipVersion", packet.Version);
        _json.WriteString(isV4 ? "sourceIPv4Address" : "sourceIPv6Address", packet.Source.ToString());
        _json.WriteString(isV4 ? "destinationIPv4Address" : "destinationIPv6Address", packet.Destination.ToString());
        if (!packet.IsCutBeforeProtocol)
        {
            Number("protocolIdentifier", packet.Protocol);
        }

        Number("ipClassOfService", packet.TypeOfService);
        Number("ipTTL", packet.Ttl);
        Number("ipTotalLength", packet.IpLength);
        if (isV4)
        {
            Number("fragmentIdentification", packet.Identification);
        }
        else
        {
            Number("flowLabelIPv6", packet.FlowLabel);
        }

        if (packet.FragmentOffset > 0 || packet.MoreFragments)
        {
            Number("fragmentOffset", packet.FragmentOffset);
        }

        if (packet.HasPorts)
        {
            Number("sourceTransportPort", packet.SourcePort);
            Number("destinationTransportPort", packet.DestinationPort);
        }

        if (packet.HasTcpFlags)
        {
            Number("tcpControlBits", packet.TcpFlags);
        }
        else if (packet.Protocol is 1 or 58)
        {
            Number(isV4 ? "icmpTypeIPv4" : "icmpTypeIPv6", packet.IcmpType);
            Number(isV4 ? "icmpCodeIPv4" : "icmpCodeIPv6", packet.IcmpCode);
        }

        // A note: what is counted is the outer packet, the one that burdens the link.
        PacketHeader inner = default;
        if (tunnels < MostTunnels && packet.Protocol is 4 or 41 or 47 && packet.TryParseTunnel(bytes, ref inner))
        {
            _json.WriteStartObject("tunnelledPacket");
            WritePacket(in inner, bytes[^packet.PayloadLength..], _ => true, tunnels + 1);
            _json.WriteEndObject();
        }
    }

    private void Locate(FlowTemplate template, ReadOnlySpan<byte> record)
    {
        if (_ranges.Length < template.Fields.Length)
        {
            _ranges = new Range[template.Fields.Length];
        }

        var offset = 0;
        for (var i = 0; i < template.Fields.Length; i++)
        {
            int size = template.Fields[i].Length;
            if (size == TemplateField.Variable)
            {
                FlowTemplate.TryReadVariableLength(record, record.Length, ref offset, out size);
            }

            _ranges[i] = offset..(offset + size);
            offset += size;
        }
    }

    private Column[] ColumnsOf(FlowTemplate template)
    {
        if (_columns.TryGetValue(template, out var columns))
        {
            return columns;
        }

        var named = template.Fields.Select((field, index) => (Element: InformationElements.Of(field), Index: index));
        return _columns[template] =
        [
            .. named
                .Where(field => field.Element.Name != "paddingOctets" && template.Fields[field.Index].Length > 0) // of no length: no value
                .GroupBy(field => field.Element.Name)
                .Select(group => new Column(group.Key, group.First().Element.Type, [.. group.Select(field => field.Index)])),
        ];
    }

    /// <summary>A name with the fields that carry it: an element may come more than once in a record and is then a list.</summary>
    private sealed record Column(string Name, ElementType Type, int[] Fields);
}
