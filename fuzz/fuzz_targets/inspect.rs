#![no_main]

ia64save_fuzz::stream_target!(inspect);
