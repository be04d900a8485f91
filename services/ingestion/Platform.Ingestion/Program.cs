using Platform.Ingestion.Captures;

if (args is ["decode", .. var arguments])
{
    return DecodeCommand.Run(arguments, Console.OpenStandardOutput(), Console.Error, TimeProvider.System);
}

return 0;
