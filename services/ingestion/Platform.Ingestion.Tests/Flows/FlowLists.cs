using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Tests.Flows;

/// <summary>Keeps flows only, as the receiving threads do: what is read straight from the bytes is.</summary>
internal readonly struct FlowList(List<FlowRecord> flows) : IFlowHandler
{
    public static bool WantsFields => false;

    public void Flow(in FlowRecord flow) => flows.Add(flow);

    public void Record(in MessageHeader header, FlowTemplate template, ReadOnlySpan<byte> record)
    {
    }

    public void Sample(in MessageHeader header, in FlowSample sample, ReadOnlySpan<byte> packet)
    {
    }
}

/// <summary>Keeps flows and asks for fields too, as decode does: everything is read the general way.</summary>
internal readonly struct FlowListWithFields(List<FlowRecord> flows) : IFlowHandler
{
    public static bool WantsFields => true;

    public void Flow(in FlowRecord flow) => flows.Add(flow);

    public void Record(in MessageHeader header, FlowTemplate template, ReadOnlySpan<byte> record)
    {
    }

    public void Sample(in MessageHeader header, in FlowSample sample, ReadOnlySpan<byte> packet)
    {
    }
}
